/** A subscriber with little patience, so that tests need not wait for it. */
import type { SubscriberConfig } from "../../src/index.ts"

export const quick: SubscriberConfig.Options = {
  evaluateIntervalMs: 10,
  giveUpMs: 20,
  backoffMs: 5,
  maxBackoffMs: 20,
  silenceMs: 1000,
  repairMs: 30,
  stallMs: 200,
  handOverMs: 300
}
