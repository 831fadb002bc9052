/**
 * Follows publishers and prints what the committee has certified.
 */
import { Archive, Subscriber, SubscriberConfig } from "@ephor/streaming"
import type { Hash } from "@ephor/types"
import { Effect, Stream } from "effect"
import { ObserveError, readCommittee, verifier } from "./Committee.ts"
import * as Decoder from "./Decoder.ts"
import * as Journal from "./Journal.ts"
import * as Lines from "./Lines.ts"
import type { Config } from "./ObserveCommand.ts"
import * as Progress from "./Progress.ts"
import * as Publishers from "./Publishers.ts"
import * as Socket from "./Socket.ts"

const violation = ({
  committee,
  cursor,
  decode,
  file,
  output,
  randomnessKey,
  socket,
  trust,
  verify
}: Config): string | undefined => {
  if (trust && (verify || committee !== undefined))
    return "--trust and checking exclude each other: leave out --trust, or --verify and --committee"
  if (trust && randomnessKey !== undefined)
    return "--trust and checking exclude each other: leave out --trust, or --randomness-key"
  if (!trust && committee === undefined)
    return "say whom to believe: give --committee FILE to check signatures, or --trust to believe the publisher"
  if (file !== undefined && socket !== undefined)
    return "--file and --socket exclude each other: leave out one of them"
  if (decode !== undefined && output !== "transactions")
    return "--decode decodes transactions: add --output transactions"
  return cursor !== undefined && file !== undefined
    ? "--file is its own cursor: leave out --cursor"
    : undefined
}

const journalOf = Effect.fnUntraced(function* (config: Config, committee: Hash | undefined) {
  const from = { index: config.fromCommit }
  if (config.file !== undefined) return yield* Journal.appended(config.file, from)
  const sink = config.socket === undefined ? Journal.stdout : yield* Socket.open(config.socket)
  return config.cursor === undefined
    ? Journal.printed(sink, from)
    : yield* Journal.withCursor(sink, config.cursor, committee, from)
})

/** Plain commits on standard output are for people, unless they ask for JSON. */
const isForPeople = ({ file, json, output, socket }: Config): boolean =>
  output === "commits" && !json && file === undefined && socket === undefined

/** Lines of the signatures of randomness that came since it was asked last; the oldest go when nobody asks. */
const randomnessOf = Effect.fnUntraced(function* (subscriber: Subscriber.Service, config: Config) {
  if (config.randomnessKey === undefined) return () => []
  let waiting: Array<Uint8Array> = []
  yield* Stream.runForEach(subscriber.randomnessSignatures, (signature) =>
    Effect.sync(() => {
      waiting = [...waiting, signature].slice(-SubscriberConfig.defaults.maxAuxiliary)
    })
  ).pipe(Effect.forkScoped)
  return (commit: number): ReadonlyArray<string> => {
    const lines = waiting.map((signature) => Lines.randomnessLine(commit, signature))
    waiting = []
    return lines
  }
})

/** Observes by its settings until it is interrupted. */
export const observe = Effect.fn("observe")(function* (config: Config) {
  const why = violation(config)
  if (why !== undefined) return yield* new ObserveError({ message: why })
  const committee = config.committee === undefined ? undefined : yield* readCommittee(config.committee)
  const whose = committee === undefined ? undefined : Archive.committeeId(committee)
  const decode = config.decode === undefined ? Decoder.bytes : yield* Decoder.load(config.decode)
  const toLines = Lines.linesOf(config.output, decode)
  const journal = yield* journalOf(config, whose)
  const options = { ...Publishers.thresholds(config), from: journal.from }
  const subscriber = yield* Subscriber.make(yield* Publishers.peers(config), options).pipe(
    Effect.provide(verifier(committee, config.randomnessKey))
  )
  const randomness = yield* randomnessOf(subscriber, config)
  const { isTTY } = process.stderr
  const printing = subscriber.commits.pipe(
    Stream.runForEachArray((commits) => {
      const { digest, index } = commits.at(-1)!
      if (isTTY && process.stdout.isTTY) process.stderr.write(Progress.clearLine)
      const lines = isForPeople(config)
        ? commits.map(Lines.textLine)
        : [...randomness(commits[0].index), ...commits.flatMap(toLines)]
      return journal.write(lines, { index, ...(digest === undefined ? {} : { digest }) })
    })
  )
  yield* Effect.raceFirst(printing, Progress.show(subscriber, isTTY))
}, Effect.scoped)
