/**
 * One block stream at the publisher: backlog by page, then the live ring by cursor.
 */
import { Effect, Metric } from "effect"
import * as BatchPolicy from "../BatchPolicy.ts"
import type { SourceBlock } from "../BlockSource.ts"
import { blockBytes } from "../FrameCache.ts"
import type { BlockStreamRequest, BlockStreamResponse } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import { InvalidArgument, ObserverError, ResourceExhausted } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import type { Waiter } from "./feed.ts"

type Command = NonNullable<BlockStreamRequest["command"]>

const fail = (reason: ObserverError["reason"]) => new ObserverError({ where: "StreamBlocks", reason })
const sizeOf = (block: SourceBlock) => blockBytes(block.bytes)
// A page that is followed by more counts as far behind, whatever is left of it.
const manyMore = 1_000_000

/** See `makeBlockSession`. */
export class BlockSession implements Waiter {
  wake: (() => void) | undefined
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
  #owesResponse = false
  #sentMs = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  command(command: Command): void {
    this.#waiting = command
  }

  ready(): boolean {
    return this.#waiting !== undefined || (this.#started && this.#cursor < this.#shared.feed.next)
  }

  next(nowMs: number): Effect.Effect<BlockStreamResponse | undefined, ObserverError> {
    return Effect.gen({ self: this }, function* () {
      const command = this.#waiting
      this.#waiting = undefined
      if (command?._tag === "Stop") this.#stop()
      if (command?._tag === "Start") yield* this.#start(command.value.highestRoundPerAuthority)
      if (!this.#started) return undefined
      const response = (yield* this.#fromBacklog()) ?? (yield* this.#fromRing())
      if (
        response === undefined &&
        !this.#owesResponse &&
        nowMs - this.#sentMs < this.#shared.options.heartbeatMs
      ) {
        return undefined
      }
      this.#owesResponse = false
      this.#sentMs = nowMs
      yield* Metric.update(Metrics.blockResponses, 1)
      return response ?? this.#heartbeat()
    })
  }

  #stop(): void {
    this.#started = false
    this.#backlog = []
    this.#backlogMore = false
    this.#twice.clear()
  }

  *#start(rounds: ReadonlyArray<number>) {
    const { feed, source } = this.#shared
    if (rounds.length !== 0 && rounds.length !== source.committeeSize) {
      const why = `highest_round_per_authority has ${rounds.length} entries, the committee has ${source.committeeSize}`
      return yield* fail(new InvalidArgument({ why }))
    }
    this.#stop()
    this.#started = true
    this.#owesResponse = true
    this.#requested = Array.from({ length: source.committeeSize }, (_, author) => rounds[author] ?? 0)
    this.#reached = [...this.#requested]
    // Attach first, then read: what is accepted in between comes twice rather than never.
    this.#cursor = feed.next
    yield* this.#loadPage()
    return undefined
  }

  *#loadPage(after?: SourceBlock) {
    const { feed, options, source } = this.#shared
    const limit = options.pageBlocks
    this.#backlog = yield* source.blocksAfter(this.#requested, { after: after?.ref, limit })
    this.#backlogAt = 0
    this.#backlogMore = this.#backlog.length === limit
    if (this.#cursor === feed.next) return
    const digests = new Set(this.#backlog.map(({ ref }) => ref.digest))
    for (let at = Math.max(this.#cursor, feed.first); at < feed.next; at++) {
      const { digest } = feed.at(at).ref
      if (digests.has(digest)) this.#twice.add(digest)
    }
  }

  *#fromBacklog() {
    if (this.#backlogAt === this.#backlog.length) {
      if (!this.#backlogMore) return undefined
      yield* this.#loadPage(this.#backlog[this.#backlog.length - 1])
      if (this.#backlog.length === 0) return undefined
    }
    const { feed, options } = this.#shared
    const waiting = this.#backlog.length - this.#backlogAt + (feed.next - this.#cursor)
    const lag = waiting + (this.#backlogMore ? manyMore : 0)
    const count = BatchPolicy.take(this.#backlog, this.#backlogAt, lag, sizeOf, options)
    const batch = this.#backlog.slice(this.#backlogAt, this.#backlogAt + count)
    this.#backlogAt += count
    for (const { ref } of batch) this.#sent(ref)
    return yield* this.#respond(`b${digestsKey(batch)}`, batch)
  }

  *#fromRing() {
    const { feed } = this.#shared
    if (this.#cursor === feed.next) return undefined
    if (this.#cursor < feed.first) {
      // Too slow for the ring: history has it all, so nothing is lost.
      yield* Metric.update(Metrics.downgrades, 1)
      this.#cursor = feed.next
      this.#twice.clear()
      this.#requested = [...this.#reached]
      yield* this.#loadPage()
      return yield* this.#fromBacklog()
    }
    const from = this.#cursor
    const candidates: Array<SourceBlock> = []
    const most = BatchPolicy.size(feed.next - from)
    let bytes = 0
    for (; this.#cursor < feed.next && candidates.length < most; this.#cursor++) {
      const block = feed.at(this.#cursor)
      if (!this.#wants(block)) continue
      bytes += sizeOf(block)
      if (candidates.length > 0 && bytes > this.#shared.options.softBytes) break
      candidates.push(block)
      this.#sent(block.ref)
    }
    if (candidates.length === 0) return undefined
    return yield* this.#respond(`r${from}:${candidates.length}:${digestsKey(candidates)}`, candidates)
  }

  #wants({ ref }: SourceBlock): boolean {
    if (this.#twice.delete(ref.digest)) return false
    return ref.round > (this.#requested[ref.author] ?? 0) && ref.round > this.#shared.feed.tip.gcRound
  }

  #sent({ author, round }: SourceBlock["ref"]): void {
    this.#reached[author] = Math.max(this.#reached[author] ?? 0, round)
  }

  *#respond(key: string, batch: ReadonlyArray<SourceBlock>) {
    const { blocks, feed, options } = this.#shared
    const bytes = batch.reduce((sum, block) => sum + sizeOf(block), 0)
    if (bytes > options.hardBytes) {
      const why = `block ${batch[0]!.ref.digest} has ${bytes} bytes, above the limit of ${options.hardBytes}`
      return yield* fail(new ResourceExhausted({ why }))
    }
    if (bytes > excessiveBytes) yield* Metric.update(Metrics.excessiveResponses, 1)
    const { highestCommitIndex } = feed.tip
    return blocks.get(`${key}:${highestCommitIndex}`, () => ({
      response: { blocks: batch.map((block) => block.bytes), highestCommitIndex },
      bytes: bytes * 2
    }))
  }

  #heartbeat(): BlockStreamResponse {
    const { highestCommitIndex } = this.#shared.feed.tip
    return this.#shared.blocks.get(`h:${highestCommitIndex}`, () => ({
      response: { blocks: [], highestCommitIndex },
      bytes: 64
    }))
  }
}

/** Responses above this are counted. */
export const excessiveBytes = 16 * 1024 * 1024

const digestsKey = (batch: ReadonlyArray<SourceBlock>) =>
  `${batch[0]!.ref.digest}:${batch[batch.length - 1]!.ref.digest}:${batch.length}`

/** A block stream that has not been started yet. */
export const makeBlockSession = (shared: Shared): BlockSession => new BlockSession(shared)
