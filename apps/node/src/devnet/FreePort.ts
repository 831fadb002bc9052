/**
 * Ports for processes that are told where to listen. They come from below the ranges that systems take ports from by
 * themselves (32768 and up on Linux, 49152 and up elsewhere): from within, any connection that somebody opens between
 * our look and the child's `listen` may have the port already, and it would keep it.
 */
import { Effect, Random } from "effect"
import { createServer } from "node:net"

const first = 10_000
const last = 29_999

/** What this process has given away: nobody may listen there yet, and still it is taken. */
const given = new Set<number>()

const isFree = (host: string, port: number) =>
  Effect.callback<boolean>((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, host, () => server.close(() => resume(Effect.succeed(true))))
  })

/** A TCP port on which nobody listens at this address, and which is not given away twice. */
export const freePort = (host: string): Effect.Effect<number> =>
  Effect.gen(function* () {
    while (true) {
      const port = yield* Random.nextIntBetween(first, last)
      if (given.has(port)) continue
      given.add(port)
      if (yield* isFree(host, port)) return port
    }
  })
