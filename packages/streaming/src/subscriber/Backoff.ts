/** How long an observer waits before it tries again. */
import { Effect, Random } from "effect"
import type { SubscriberConfig } from "../SubscriberConfig.ts"

/** How long to wait before the next attempt: nothing at first, then exponentially longer, fully jittered. */
export const backoff = (attempt: number, config: SubscriberConfig): Effect.Effect<number> => {
  const step = attempt - config.immediateRetries
  if (step < 0) return Effect.succeed(0)
  const longest = Math.min(config.maxBackoffMs, config.backoffMs * 2 ** Math.min(step, 30))
  return Effect.map(Random.next, (random) => Math.ceil(random * longest))
}
