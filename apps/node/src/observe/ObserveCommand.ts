/**
 * `ephor-node observe`: follows publishers and prints what the committee has certified.
 */
import { Settings, Telemetry } from "@ephor/cli"
import { type CommitDeriver, Subscriber } from "@ephor/streaming"
import { blake2b256, DagCommittee, type Hash, Json } from "@ephor/types"
import { Effect, Stream } from "effect"
import { Command } from "effect/cli"
import { ObserveError, readCommittee, verifier } from "./Committee.ts"
import * as Journal from "./Journal.ts"
import * as Progress from "./Progress.ts"
import * as Publishers from "./Publishers.ts"

/** Settings of `observe`. */
export const settings = {
  ...Publishers.settings,
  verify: Settings.boolean("verify", {
    description: "Check signatures against --committee; so it is unless --trust is given",
    default: false
  }),
  trust: Settings.boolean("trust", {
    description: "Believe the publisher instead of checking signatures",
    default: false
  }),
  fromCommit: Settings.integer("from-commit", {
    description: "Begin after this commit; 0 is the beginning",
    default: 0,
    maximum: 0xffff_ffff
  }),
  cursor: Settings.optionalPath("cursor", {
    description: "File that remembers the last commit printed, and goes before --from-commit"
  }),
  output: Settings.optionalPath("output", {
    description:
      "File that commits are appended to as NDJSON, each once whatever happens; it is its own cursor"
  }),
  json: Settings.boolean("json", { description: "Print commits as NDJSON on stdout", default: false })
}
type Config = Settings.Resolved<typeof settings>

const violation = ({ committee, cursor, output, trust, verify }: Config): string | undefined => {
  if (trust && (verify || committee !== undefined))
    return "--trust and checking exclude each other: leave out --trust, or --verify and --committee"
  if (!trust && committee === undefined)
    return "say whom to believe: give --committee FILE to check signatures, or --trust to believe the publisher"
  return cursor !== undefined && output !== undefined
    ? "--output is its own cursor: leave out --cursor"
    : undefined
}

const jsonLine = ({ blocks, digest, index, leader, timestampMs }: CommitDeriver.ObservedCommit): string =>
  JSON.stringify({ index, digest, leader, timestampMs, blocks: blocks.length })

const textLine = ({ blocks, digest, index }: CommitDeriver.ObservedCommit): string =>
  `commit ${index} ${digest ?? "unverified"} blocks ${blocks.length}`

const journalOf = (config: Config, committee: Hash | undefined) => {
  const from = { index: config.fromCommit }
  if (config.output !== undefined) return Journal.appended(config.output, from)
  return config.cursor === undefined
    ? Effect.succeed(Journal.printed(from))
    : Journal.withCursor(config.cursor, committee, from)
}

const observe = Effect.fn("observe")(function* (config: Config) {
  const why = violation(config)
  if (why !== undefined) return yield* new ObserveError({ message: why })
  const committee = config.committee === undefined ? undefined : yield* readCommittee(config.committee)
  const whose =
    committee === undefined
      ? undefined
      : blake2b256(new TextEncoder().encode(Json.stringify(DagCommittee)(committee)))
  const journal = yield* journalOf(config, whose)
  const options = { ...Publishers.thresholds(config), from: journal.from }
  const subscriber = yield* Subscriber.make(yield* Publishers.peers(config), options).pipe(
    Effect.provide(verifier(committee))
  )
  const { isTTY } = process.stderr
  const printing = subscriber.commits.pipe(
    Stream.runForEachArray((commits) => {
      const { digest, index } = commits.at(-1)!
      if (isTTY && process.stdout.isTTY) process.stderr.write(Progress.clearLine)
      const lines = commits.map(config.json || config.output !== undefined ? jsonLine : textLine)
      return journal.write(lines, { index, ...(digest === undefined ? {} : { digest }) })
    })
  )
  yield* Effect.raceFirst(printing, Progress.show(subscriber, isTTY))
}, Effect.scoped)

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
