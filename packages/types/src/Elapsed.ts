/**
 * Time that passes, for durations: deadlines, patience, penalties, rates. It never steps when somebody sets the clock of
 * the machine. The time of day is `Clock.currentTimeMillis`: for timestamps and what must outlive this process.
 */
import { Clock, Effect } from "effect"

const nanosPerMs = 1_000_000n

/** Whole milliseconds on the monotonic side of a clock. They count from anywhere: only differences mean something. */
export const msOf = (clock: Pick<Clock.Clock, "monotonicTimeNanosUnsafe">): number =>
  Number(clock.monotonicTimeNanosUnsafe() / nanosPerMs)

/** The same of the clock that is in force. */
export const ms: Effect.Effect<number> = Clock.clockWith((clock) => Effect.sync(() => msOf(clock)))
