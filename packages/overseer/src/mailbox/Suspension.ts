/** How senders and readers of a mailbox wait. */
import { Effect, type Scheduler } from "effect"

/**
 * Suspends until the registered function is called, and goes on in a later turn of the scheduler. A bare callback would
 * go on inside of the call: in the middle of a broadcast, ahead of mailboxes that do not have the signal yet.
 */
export const later = (register: (resume: () => void) => () => void): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const dispatcher: Scheduler.SchedulerDispatcher = fiber.currentDispatcher
    return Effect.callback<void>((resume) => {
      const go = () => resume(Effect.void)
      return Effect.sync(register(() => dispatcher.scheduleTask(go, 0)))
    })
  })

/** What `step` throws is a defect of the fiber that it works for. */
export const attempt = <E, R>(step: () => Effect.Effect<void, E, R> | undefined) => {
  try {
    return step()
  } catch (defect) {
    return Effect.die(defect)
  }
}
