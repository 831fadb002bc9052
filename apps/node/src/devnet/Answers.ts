/** Waiting for the processes of a devnet. */
import { Effect } from "effect"
import { DevnetError } from "./NodeCommands.ts"

const startTimeoutMs = 60_000

/** Waits until a question is answered, or a child has given up. */
export const untilAnswer = <A, E, R>(what: string, logFile: string, ask: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    while (true) {
      const answer = yield* Effect.option(ask)
      if (answer._tag === "Some") return answer.value
      yield* Effect.sleep(100)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: startTimeoutMs,
      orElse: () =>
        Effect.fail(
          new DevnetError({
            message: `${what} did not start within ${startTimeoutMs / 1000} s: see ${logFile}`
          })
        )
    })
  )
