/**
 * How a process ends when a signal tells it to. A command that runs until then, and has put everything in order, has done
 * what it was asked for: SIGTERM ends it with 0. One that would have come to an end by itself has not.
 */
import { Cause, Context, Effect, Exit, Predicate, Runtime } from "effect"

/** What a process knows of its end. */
export interface Ending {
  /** Whether the command ran until it was told to stop, and is in order. */
  isOrderly: boolean
}

/** The end of this process. */
export const Ending = Context.Reference<Ending>("@ephor/cli/NodeEnding", {
  defaultValue: () => ({ isOrderly: false })
})

/** A command that runs until it is told to stop. */
export const longRunning = <A, E, R>(command: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onInterrupt(command, () =>
    Effect.map(Ending, (ending) => {
      ending.isOrderly = true
    })
  )

/** What shells expect of a process that a signal has ended. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const

type Signal = keyof typeof codes

/**
 * 0 for success and help, and for SIGTERM after an orderly end; 130 for SIGINT, and 143 for SIGTERM where a command has not
 * come to its end; 1 for everything else.
 */
const codeOf = (
  exit: Exit.Exit<unknown, unknown>,
  signal: Signal | undefined,
  { isOrderly }: Ending
): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause))
    return signal === "SIGTERM" && isOrderly ? 0 : codes[signal ?? "SIGINT"]
  const error = Cause.squash(exit.cause)
  const isHelp =
    Predicate.isTagged(error, "ShowHelp") &&
    Predicate.hasProperty(error, "errors") &&
    Array.isArray(error.errors) &&
    error.errors.length === 0
  return isHelp ? 0 : 1
}

/** Runs the main effect of a process: the first signal interrupts it, and the process ends when everything is in order. */
export const runMain = <A, E>(main: Effect.Effect<A, E>): void => {
  const ending: Ending = { isOrderly: false }
  let received: Signal | undefined
  const runner = Runtime.makeRunMain(({ fiber, teardown }) => {
    const listen = (signal: Signal) => {
      const interrupt = () => {
        received ??= signal
        fiber.interruptUnsafe(fiber.id)
      }
      process.on(signal, interrupt)
      return () => process.removeListener(signal, interrupt)
    }
    const deaf = [listen("SIGINT"), listen("SIGTERM")]
    fiber.addObserver((exit) => {
      for (const remove of deaf) remove()
      teardown(exit, (code) => {
        if (received !== undefined || code !== 0) process.exit(code)
      })
    })
  })
  runner(Effect.provideService(main, Ending, ending), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(codeOf(exit, received, ending))
  })
}
