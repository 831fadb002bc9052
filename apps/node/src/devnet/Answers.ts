/** Waiting for the processes of a devnet. */
import { Effect, FileSystem } from "effect"
import type { Child } from "./NodeChildren.ts"
import { DevnetError } from "./NodeCommands.ts"

const startTimeoutMs = 60_000

/** The last line of a log, if there is one: most often it tells why a process ended. */
const lastWords = Effect.fnUntraced(function* (logFile: string) {
  const fs = yield* FileSystem.FileSystem
  const log = yield* Effect.orElseSucceed(fs.readFileString(logFile), () => "")
  const line = log.trimEnd().split("\n").at(-1)
  return line === undefined || line === "" ? "" : ` Its last words: ${line}`
})

/** Waits until a child answers a question; fails where it has been given up, or takes longer than a minute. */
export const untilAnswer = Effect.fnUntraced(function* <A, E, R>(
  child: Child,
  logFile: string,
  ask: Effect.Effect<A, E, R>
) {
  const failed = Effect.fnUntraced(function* (how: string) {
    const words = yield* lastWords(logFile)
    return yield* new DevnetError({ message: `${child.name} ${how}: see ${logFile}.${words}` })
  })
  return yield* ask.pipe(
    Effect.tapError(() => Effect.sleep(100)),
    Effect.eventually,
    Effect.timeoutOrElse({
      duration: startTimeoutMs,
      orElse: () => failed(`did not start within ${startTimeoutMs / 1000} s`)
    }),
    Effect.raceFirst(Effect.andThen(child.givenUp, failed("does not stay up")))
  )
})
