/**
 * One block stream at the publisher: backlog by page, then the live ring by cursor.
 */
import { Effect, Metric } from "effect"
import * as BatchPolicy from "../BatchPolicy.ts"
import type { SourceBlock } from "../BlockSource.ts"
import { blockBytes } from "../FrameCache.ts"
import type { BlockStreamRequest, BlockStreamResponse, StartBlockStream } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import { InvalidArgument, ObserverError, ResourceExhausted } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import type { Session } from "./Drive.ts"
import { nearPlaces, type Place } from "./Feed.ts"

type Command = NonNullable<BlockStreamRequest["command"]>

const fail = (reason: ObserverError["reason"]) =>
  Effect.fail(new ObserverError({ where: "StreamBlocks", reason }))
const sizeOf = (block: SourceBlock) => blockBytes(block.bytes)
// A page that is followed by more counts as far behind, whatever is left of it.
const manyMore = 1_000_000
const lastRound = 0xffff_ffff

/** See `makeBlockSession`. */
export class BlockSession implements Session<Command, BlockStreamResponse> {
  wake: (() => void) | undefined
  bytes = 0
  readonly #shared: Shared
  #waiting: Command | undefined
  #started = false
  /** Highest round that this subscriber has said to have, per authority. */
  #requested: ReadonlyArray<number> = []
  /** Highest round that it has or was sent: where history goes on if it falls off the ring. */
  #reached: Array<number> = []
  #backlog: ReadonlyArray<SourceBlock> = []
  #backlogAt = 0
  #backlogMore = false
  /** In backlog and ring both, because they were accepted between attaching and reading. */
  #twice = new Set<string>()
  #cursor = 0
  /** Position of the next signature of randomness. */
  #auxiliary = 0
  #wishes: BatchPolicy.BatchWishes = {}
  #owesResponse = false
  #sentMs = Number.NEGATIVE_INFINITY

  constructor(shared: Shared) {
    this.#shared = shared
  }

  command(command: Command): void {
    this.#waiting = command
  }

  ready(): boolean {
    const { auxiliary, blocks } = this.#shared.feed
    if (this.#waiting !== undefined) return true
    return this.#started && (this.#cursor < blocks.next || this.#auxiliary < auxiliary.next)
  }

  due(nowMs: number): boolean {
    return this.#started && nowMs - this.#sentMs >= this.#shared.options.heartbeatMs
  }

  poll(nowMs: number): BlockStreamResponse | Effect.Effect<void, ObserverError> | undefined {
    const command = this.#waiting
    this.#waiting = undefined
    if (command?._tag === "Stop") this.#stop()
    if (command?._tag === "Start") return this.#start(command.value)
    if (!this.#started) return undefined
    const { feed, options } = this.#shared
    const behind = this.#backlogAt === this.#backlog.length
    if (behind && this.#backlogMore) return this.#loadPage(this.#backlog[this.#backlog.length - 1])
    if (behind && this.#cursor < feed.blocks.first) return this.#leaveRing()
    const response = behind ? (this.#fromRing() ?? this.#fromAuxiliary()) : this.#fromBacklog()
    if (response === undefined && !this.#owesResponse && nowMs - this.#sentMs < options.heartbeatMs)
      return undefined
    this.#owesResponse = false
    this.#sentMs = nowMs
    return response ?? this.#heartbeat()
  }

  #stop(): void {
    this.#started = false
    this.#backlog = []
    this.#backlogAt = 0
    this.#backlogMore = false
    this.#twice.clear()
  }

  #start(start: StartBlockStream): Effect.Effect<void, ObserverError> {
    const { feed, source } = this.#shared
    const { authorities, highestRoundPerAuthority: rounds } = start
    if (rounds.length !== 0 && rounds.length !== source.committeeSize) {
      const why = `highest_round_per_authority has ${rounds.length} entries, the committee has ${source.committeeSize}`
      return fail(new InvalidArgument({ why }))
    }
    const stranger = authorities?.find((author) => author >= source.committeeSize)
    if (stranger !== undefined) {
      const why = `authorities names ${stranger}, the committee has ${source.committeeSize}`
      return fail(new InvalidArgument({ why }))
    }
    this.#stop()
    this.#wishes = start
    this.#started = true
    this.#owesResponse = true
    // Authors whose blocks are not wanted count as being at the end.
    const wanted = authorities === undefined ? undefined : new Set(authorities)
    this.#requested = Array.from({ length: source.committeeSize }, (_, author) =>
      wanted?.has(author) === false ? lastRound : (rounds[author] ?? 0)
    )
    this.#reached = [...this.#requested]
    // Attach first, then read: what is accepted in between comes twice rather than never.
    this.#cursor = feed.blocks.next
    this.#auxiliary = feed.auxiliary.next
    return this.#loadPage()
  }

  #loadPage(after?: SourceBlock): Effect.Effect<void, ObserverError> {
    const { feed, options, source } = this.#shared
    const limit = options.pageBlocks
    return Effect.map(source.blocksAfter(this.#requested, { after: after?.ref, limit }), (blocks) => {
      this.#backlog = blocks
      this.#backlogAt = 0
      this.#backlogMore = blocks.length === limit
      if (this.#cursor === feed.blocks.next) return
      const digests = new Set(blocks.map(({ ref }) => ref.digest))
      for (let at = Math.max(this.#cursor, feed.blocks.first); at < feed.blocks.next; at++) {
        const { digest } = feed.blocks.at(at).ref
        if (digests.has(digest)) this.#twice.add(digest)
      }
    })
  }

  /** Too slow for the ring: history has it all, so nothing is lost. */
  #leaveRing(): Effect.Effect<void, ObserverError> {
    this.#cursor = this.#shared.feed.blocks.next
    this.#twice.clear()
    this.#requested = [...this.#reached]
    return Effect.andThen(Metric.update(Metrics.downgrades, 1), this.#loadPage())
  }

  #fromBacklog() {
    const { feed, options } = this.#shared
    const waiting = this.#backlog.length - this.#backlogAt + (feed.blocks.next - this.#cursor)
    const lag = waiting + (this.#backlogMore ? manyMore : 0)
    const most = BatchPolicy.wishedSize(lag, this.#wishes)
    const limits = BatchPolicy.lowered(options, this.#wishes)
    const count = BatchPolicy.take(this.#backlog, this.#backlogAt, most, sizeOf, limits)
    const batch = this.#backlog.slice(this.#backlogAt, this.#backlogAt + count)
    this.#backlogAt += count
    for (const { ref } of batch) this.#sent(ref)
    return this.#respond(batch, `b${this.#choice(batch[0]!.ref.round)}:${digestsKey(batch)}`)
  }

  /** What this subscriber leaves out from a round on: only those who leave out the same may share a batch. */
  #choice(round: number): string {
    return this.#requested.every((requested) => requested < round) ? "" : this.#requested.join()
  }

  #fromRing() {
    const { feed } = this.#shared
    const from = this.#cursor
    const candidates: Array<SourceBlock> = []
    const most = BatchPolicy.wishedSize(feed.blocks.next - from, this.#wishes)
    const { softBytes } = BatchPolicy.lowered(this.#shared.options, this.#wishes)
    let bytes = 0
    let leftOut = ""
    for (; this.#cursor < feed.blocks.next && candidates.length < most; this.#cursor++) {
      const block = feed.blocks.at(this.#cursor)
      if (!this.#wants(block)) {
        leftOut += `${this.#cursor},`
        continue
      }
      bytes += sizeOf(block)
      if (candidates.length > 0 && bytes > softBytes) break
      candidates.push(block)
      this.#sent(block.ref)
    }
    if (candidates.length === 0) return undefined
    // Ends and length do not tell which blocks are missing in between.
    if (leftOut !== "") return this.#respond(candidates, `r${from}:${leftOut}:${digestsKey(candidates)}`)
    if (feed.blocks.next - from > nearPlaces)
      return this.#respond(candidates, `r${from}:${digestsKey(candidates)}`)
    const place = {
      from,
      first: candidates[0]!,
      last: candidates[candidates.length - 1]!,
      count: candidates.length,
      index: feed.tip.highestCommitIndex
    }
    this.bytes = bytes
    return this.#shared.blocks.at(place) ?? this.#respond(candidates, place)
  }

  /** What comes beside the blocks, once there are none to send; who is behind with blocks does without. */
  #fromAuxiliary(): BlockStreamResponse | undefined {
    const { blocks, feed, options } = this.#shared
    if (this.#auxiliary === feed.auxiliary.next) return undefined
    const { from, items } = feed.auxiliaryFrom(this.#auxiliary)
    const randomnessSignatures = BatchPolicy.fitting(items, blockBytes, options, this.#wishes)
    const count = randomnessSignatures.length
    this.#auxiliary = from + count
    this.bytes = randomnessSignatures.reduce((sum, item) => sum + blockBytes(item), 0)
    const { highestCommitIndex } = feed.tip
    return blocks.get(`a${from}:${count}:${highestCommitIndex}`, () => ({
      response: { blocks: [], highestCommitIndex, auxiliaryData: { randomnessSignatures } },
      bytes: this.bytes * 2
    }))
  }

  #wants({ ref }: SourceBlock): boolean {
    if (this.#twice.size > 0 && this.#twice.delete(ref.digest)) return false
    return ref.round > (this.#requested[ref.author] ?? 0) && ref.round > this.#shared.feed.tip.gcRound
  }

  #sent({ author, round }: SourceBlock["ref"]): void {
    this.#reached[author] = Math.max(this.#reached[author] ?? 0, round)
  }

  #respond(batch: ReadonlyArray<SourceBlock>, where: string | Place) {
    const { blocks, feed, options } = this.#shared
    let bytes = 0
    for (const block of batch) bytes += sizeOf(block)
    if (bytes > options.hardBytes) {
      const why = `block ${batch[0]!.ref.digest} has ${bytes} bytes, above the limit of ${options.hardBytes}`
      return fail(new ResourceExhausted({ why }))
    }
    this.bytes = bytes
    const { highestCommitIndex } = feed.tip
    const make = () => ({ blocks: batch.map((block) => block.bytes), highestCommitIndex })
    if (typeof where !== "string") return blocks.note(where, make())
    return blocks.get(`${where}:${highestCommitIndex}`, () => ({ response: make(), bytes: bytes * 2 }))
  }

  #heartbeat(): BlockStreamResponse {
    this.bytes = 0
    const { highestCommitIndex } = this.#shared.feed.tip
    return this.#shared.blocks.get(`h:${highestCommitIndex}`, () => ({
      response: { blocks: [], highestCommitIndex },
      bytes: 64
    }))
  }
}

const digestsKey = (batch: ReadonlyArray<SourceBlock>) =>
  `${batch[0]!.ref.digest}:${batch[batch.length - 1]!.ref.digest}:${batch.length}`

/** A block stream that has not been started yet. */
export const makeBlockSession = (shared: Shared): BlockSession => new BlockSession(shared)
