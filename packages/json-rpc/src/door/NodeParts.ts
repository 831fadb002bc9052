/**
 * Answers that go on: part after part, as fast as the reader takes them.
 */
import type { ServerResponse } from "node:http"
import { Effect, Metric, Stream } from "effect"
import type { Reply } from "../Door.ts"
import * as Metrics from "../Metrics.ts"

/** Writes a part, and waits until there is room for the next one. */
const write = (response: ServerResponse, part: string) =>
  Effect.callback<void>((resume) => {
    const taken = () => resume(Effect.void)
    if (response.destroyed || response.write(part)) return taken()
    response.once("drain", taken)
    return Effect.sync(() => void response.off("drain", taken))
  })

const closed = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    const gone = () => resume(Effect.void)
    if (response.destroyed) return gone()
    response.once("close", gone)
    return Effect.sync(() => void response.off("close", gone))
  })

/** Who does not read is let go: what waits for it is memory of ours. */
const breakOff = (response: ServerResponse, timeoutMs: number) =>
  Effect.gen(function* () {
    response.destroy()
    yield* Metric.update(Metrics.slowPeers, 1)
    yield* Effect.logWarning("a reader was let go", { why: `nothing was read within ${timeoutMs} ms` })
  })

/** Sends the parts of a reply, if it has any, until they end or the reader has gone. */
export const sendParts = (response: ServerResponse, { headers, parts, status }: Reply, timeoutMs: number) => {
  if (parts === undefined || response.destroyed) return Effect.void
  response.writeHead(status, { ...headers })
  response.flushHeaders()
  const all = Stream.runForEach(parts, (part) =>
    Effect.timeoutOrElse(write(response, part), {
      duration: timeoutMs,
      orElse: () => breakOff(response, timeoutMs)
    })
  )
  return Effect.raceFirst(
    Effect.ensuring(
      all,
      Effect.sync(() => response.end())
    ),
    closed(response)
  )
}
