/**
 * `ephor-node observe`: follows publishers and prints what the committee has certified.
 */
import { Settings, Telemetry } from "@ephor/cli"
import { Subscriber } from "@ephor/streaming"
import { Console, Effect, Stream, SubscriptionRef } from "effect"
import { Command } from "effect/cli"
import { ObserveError, layer, readCommittee } from "./Observe.ts"

/** Settings of `observe`. */
const settings = {
  from: Settings.list("from", { description: "Publishers to follow, host:port, in the order of preference" }),
  committee: Settings.optionalText("committee", {
    description: "File with the committee whose signatures count (committee.json in a node's data directory)"
  }),
  trust: Settings.boolean("trust", {
    description: "Believe the publisher instead of checking signatures",
    default: false
  }),
  fromCommit: Settings.integer("from-commit", {
    description: "Go on after this commit; 0 is the beginning",
    default: 0,
    maximum: 0xffff_ffff
  }),
  json: Settings.boolean("json", { description: "Print commits as NDJSON on stdout", default: false }),
  logFormat: Settings.choice("log-format", Telemetry.logFormats, {
    description: "Form of the logs on stderr",
    default: "auto"
  })
}

const observe = Effect.fn("observe")(function* (config: Settings.Resolved<typeof settings>) {
  if (config.trust === (config.committee !== undefined)) {
    return yield* new ObserveError({
      message:
        "say whom to believe: give --committee FILE to check signatures, or --trust to believe the publisher"
    })
  }
  const committee = config.committee === undefined ? undefined : yield* readCommittee(config.committee)
  return yield* Effect.gen(function* () {
    const subscriber = yield* Subscriber.Subscriber
    return yield* subscriber.commits.pipe(
      Stream.runForEach(
        Effect.fnUntraced(function* (commit) {
          const { blocks, digest, index, leader, timestampMs } = commit
          const lag = yield* subscriber.lag
          const mode = yield* SubscriptionRef.get(subscriber.mode)
          yield* Console.log(
            config.json
              ? JSON.stringify({ index, digest, leader, timestampMs, blocks: blocks.length, mode, lag })
              : `commit ${index} ${digest ?? "unverified"} blocks ${blocks.length} ${mode} lag ${lag}`
          )
        })
      )
    )
  }).pipe(
    Effect.provide(
      layer({ from: config.from, committee, subscriber: { from: { index: config.fromCommit } } })
    )
  )
})

/** The `observe` command. */
export const observeCommand = Command.make("observe", Settings.flags(settings), (flags) =>
  Effect.gen(function* () {
    const config = yield* Settings.resolve(settings, {
      flags,
      environment: process.env,
      prefixes: ["NODE_OBSERVE"]
    })
    const telemetry = Telemetry.layer(config.logFormat, { isTerminal: process.stderr.isTTY })
    return yield* Effect.provide(observe(config), telemetry)
  })
).pipe(Command.withDescription("Follow the blocks and commits of a node, verified"))
