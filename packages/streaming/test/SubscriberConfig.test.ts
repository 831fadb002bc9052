import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SubscriberConfig } from "../src/index.ts"

describe("SubscriberConfig", () => {
  it.effect("has the seed's thresholds as defaults", () =>
    Effect.gen(function* () {
      const config = yield* SubscriberConfig.make()
      assert.deepStrictEqual(
        [config.startCommitSyncLag, config.resumeBlocksLag, config.stopCommitSyncLag],
        [50, 10, 0]
      )
      assert.deepStrictEqual([config.pauseBlocksQueueSize, config.resumeBlocksQueueSize], [500, 50])
    })
  )

  const illegal: ReadonlyArray<readonly [SubscriberConfig.Options, string]> = [
    [{ stopCommitSyncLag: 11 }, "stopCommitSyncLag 11 must not be above resumeBlocksLag 10"],
    [{ resumeBlocksLag: 50 }, "resumeBlocksLag 50 must be below startCommitSyncLag 50"],
    [{ resumeBlocksQueueSize: 500 }, "resumeBlocksQueueSize 500 must be below pauseBlocksQueueSize 500"],
    [{ backoffMs: 20_000 }, "backoffMs 20000 must not be above maxBackoffMs 10000"],
    [{ resumeBlocksLag: -1 }, "resumeBlocksLag"],
    [{ startCommitSyncLag: Number.NaN }, "startCommitSyncLag"]
  ]
  for (const [options, why] of illegal) {
    it.effect(`refuses ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(SubscriberConfig.make(options))
        assert.strictEqual(error.reason._tag, "Misconfigured")
        assert.include(error.message, why)
      })
    )
  }
})
