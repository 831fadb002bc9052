/**
 * Answers Sui's `ObserverService` from a source, beside the first wire: blocks are the same responses, made once for
 * everybody; commits come in windows that end where a quorum has voted.
 */
import { type DagBlockRef, openDagBlock } from "@ephor/types"
import { Effect, Metric, Option, Result, type Scope, Stream } from "effect"
import * as BatchPolicy from "../BatchPolicy.ts"
import type { Service as Source, SourceBlock } from "../BlockSource.ts"
import { blockBytes } from "../FrameCache.ts"
import * as Metrics from "../Metrics.ts"
import type { Service as Api } from "../ObserverApi.ts"
import { InvalidArgument, ObserverError, ResourceExhausted } from "../ObserverError.ts"
import {
  defaults,
  type Options,
  type Part,
  type Service,
  type Wanted,
  type WireCommit
} from "./ObserverService.ts"
import { Windows } from "./Windows.ts"

/** Blocks of a response at the tip, at most. */
const blocksPerResponse = 20

/** What the service shares with the publisher that it belongs to. */
export interface Ground {
  readonly source: Source
  readonly limits: BatchPolicy.BatchLimits
  readonly streamBlocks: Api["streamBlocks"]
  /** Takes a place among the streams of the publisher, or fails where there is none. */
  readonly enter: (where: string) => Effect.Effect<void, ObserverError, Scope.Scope>
}

const invalid = (where: string, why: string) =>
  Effect.fail(new ObserverError({ where, reason: new InvalidArgument({ why }) }))

const bytesOf = ({ blocks, bytes }: WireCommit): number =>
  blocks.reduce((sum, block) => sum + blockBytes(block), blockBytes(bytes) + 5)

/** A window in messages: a commit and its blocks stay together, the certifiers come with the last one. */
const partsOf = (
  { certifiers, commits }: Part,
  { softBytes }: BatchPolicy.BatchLimits
): ReadonlyArray<Part> => {
  const parts: Array<Array<WireCommit>> = []
  const votes = certifiers.reduce((sum, block) => sum + blockBytes(block), 0)
  let bytes = 0
  for (const [at, commit] of commits.entries()) {
    const size = bytesOf(commit) + (at === commits.length - 1 ? votes : 0)
    bytes += size
    if (parts.length === 0 || bytes > softBytes) {
      parts.push([])
      bytes = size
    }
    parts.at(-1)!.push(commit)
  }
  return parts.map((part, at) => ({
    commits: part,
    certifiers: at === parts.length - 1 ? certifiers : []
  }))
}

/** Blocks in chunks of a message each. */
const chunksOf = (
  blocks: ReadonlyArray<SourceBlock>,
  limits: BatchPolicy.BatchLimits
): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  const chunks: Array<ReadonlyArray<Uint8Array>> = []
  for (let at = 0; at < blocks.length;) {
    const count = BatchPolicy.take(blocks, at, blocks.length, ({ bytes }) => blockBytes(bytes), limits)
    chunks.push(blocks.slice(at, at + count).map(({ bytes }) => bytes))
    at += count
  }
  return chunks
}

/** Ancestors of blocks that are above some rounds and not among those that are known. */
const ancestorsOf = (
  blocks: ReadonlyArray<SourceBlock>,
  afterRounds: ReadonlyArray<number>,
  known: ReadonlySet<string>
): ReadonlyArray<DagBlockRef> => {
  const found = new Map<string, DagBlockRef>()
  for (const { bytes } of blocks) {
    const opened = openDagBlock(bytes)
    if (Result.isFailure(opened)) continue
    for (const ref of opened.success.block.value.ancestors)
      if (!known.has(ref.digest) && ref.round > (afterRounds[ref.author] ?? 0)) found.set(ref.digest, ref)
  }
  return [...found.values()]
}

/** The service over a source. */
export const make = (given: Pick<Options, "committee"> & Partial<Options>, ground: Ground): Service => {
  const options = { ...defaults, ...given }
  const { limits, source } = ground
  const windows = new Windows(source, options)

  const fetchBlocks = Effect.fnUntraced(function* ({ afterRounds, ancestors, refs }: Wanted) {
    const { maxFetchBlocks } = options
    const where = "FetchBlocks"
    if (refs.length > maxFetchBlocks)
      return yield* invalid(where, `${refs.length} blocks at a time, ${maxFetchBlocks} are the most`)
    if (afterRounds.length !== 0 && afterRounds.length !== source.committeeSize)
      return yield* invalid(
        where,
        `fetch_after_rounds has ${afterRounds.length} entries, the committee has ${source.committeeSize}`
      )
    const found: Array<SourceBlock> = []
    const known = new Set<string>()
    for (let wanted = refs; wanted.length > 0 && found.length < maxFetchBlocks;) {
      for (const { digest } of wanted) known.add(digest)
      const blocks = yield* source.blocksOf(wanted.slice(0, maxFetchBlocks - found.length))
      found.push(...blocks)
      wanted = ancestors ? ancestorsOf(blocks, afterRounds, known) : []
    }
    return chunksOf(found, limits)
  })

  const readWindow = Effect.fnUntraced(function* (start: number) {
    const window = yield* windows.read(start, start + options.windowCommits - 1)
    const large = window.commits.find((commit) => bytesOf(commit) > limits.hardBytes)
    if (large !== undefined) {
      const why = `commit ${large.index} has ${bytesOf(large)} bytes, above the limit of ${limits.hardBytes}`
      return yield* new ObserverError({ where: "StreamCommits", reason: new ResourceExhausted({ why }) })
    }
    const parts = partsOf(window, limits)
    yield* Metric.update(Metrics.commitResponses, parts.length)
    const last = window.commits.at(-1)
    return [parts, last === undefined ? Option.none<number>() : Option.some(last.index + 1)] as const
  })

  return {
    streamBlocks: (rounds, deliver) => {
      if (rounds.length !== source.committeeSize)
        return Stream.fromEffect(
          invalid(
            "StreamBlocks",
            `highest_round_per_authority has ${rounds.length} entries, the committee has ${source.committeeSize}`
          )
        )
      const start = { highestRoundPerAuthority: rounds, maxBatchItems: blocksPerResponse }
      const commands = Stream.concat(
        Stream.succeed({ command: { _tag: "Start" as const, value: start } }),
        Stream.never
      )
      return ground.streamBlocks(commands, deliver)
    },
    streamCommits: (start) =>
      start === 0
        ? Stream.fromEffect(invalid("StreamCommits", "the first commit is 1"))
        : Stream.unwrap(Effect.as(ground.enter("StreamCommits"), Stream.paginate(start, readWindow))),
    fetchBlocks: (wanted) => Stream.fromIterableEffect(fetchBlocks(wanted)),
    fetchCommits: (start, end) =>
      start === 0 || end < start
        ? invalid(
            "FetchCommits",
            `commits ${start} to ${end}: the first one is 1, and the last not before the first`
          )
        : windows.read(start, Math.min(end, start + options.windowCommits - 1))
  }
}
