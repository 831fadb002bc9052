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
import type { Session, Shared } from "../Publisher.ts"

type Command = NonNullable<BlockStreamRequest["command"]>

const fail = (reason: ObserverError["reason"]) =>
  Effect.fail(new ObserverError({ where: "StreamBlocks", reason }))
const sizeOf = (block: SourceBlock) => blockBytes(block.bytes)
// A page that is followed by more counts as far behind, whatever is left of it.
const manyMore = 1_000_000

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

  poll(nowMs: number): BlockStreamResponse | Effect.Effect<void, ObserverError> | undefined {
    const command = this.#waiting
    this.#waiting = undefined
    if (command?._tag === "Stop") this.#stop()
    if (command?._tag === "Start") return this.#start(command.value.highestRoundPerAuthority)
    if (!this.#started) return undefined
    const { feed, options } = this.#shared
    const behind = this.#backlogAt === this.#backlog.length
    if (behind && this.#backlogMore) return this.#loadPage(this.#backlog[this.#backlog.length - 1])
    if (behind && this.#cursor < feed.first) return this.#leaveRing()
    const response = behind ? this.#fromRing() : this.#fromBacklog()
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

  #start(rounds: ReadonlyArray<number>): Effect.Effect<void, ObserverError> {
    const { feed, source } = this.#shared
    if (rounds.length !== 0 && rounds.length !== source.committeeSize) {
      const why = `highest_round_per_authority has ${rounds.length} entries, the committee has ${source.committeeSize}`
      return fail(new InvalidArgument({ why }))
    }
    this.#stop()
    this.#started = true
    this.#owesResponse = true
    this.#requested = Array.from({ length: source.committeeSize }, (_, author) => rounds[author] ?? 0)
    this.#reached = [...this.#requested]
    // Attach first, then read: what is accepted in between comes twice rather than never.
    this.#cursor = feed.next
    return this.#loadPage()
  }

  #loadPage(after?: SourceBlock): Effect.Effect<void, ObserverError> {
    const { feed, options, source } = this.#shared
    const limit = options.pageBlocks
    return Effect.map(source.blocksAfter(this.#requested, { after: after?.ref, limit }), (blocks) => {
      this.#backlog = blocks
      this.#backlogAt = 0
      this.#backlogMore = blocks.length === limit
      if (this.#cursor === feed.next) return
      const digests = new Set(blocks.map(({ ref }) => ref.digest))
      for (let at = Math.max(this.#cursor, feed.first); at < feed.next; at++) {
        const { digest } = feed.at(at).ref
        if (digests.has(digest)) this.#twice.add(digest)
      }
    })
  }

  /** Too slow for the ring: history has it all, so nothing is lost. */
  #leaveRing(): Effect.Effect<void, ObserverError> {
    this.#cursor = this.#shared.feed.next
    this.#twice.clear()
    this.#requested = [...this.#reached]
    return Effect.andThen(Metric.update(Metrics.downgrades, 1), this.#loadPage())
  }

  #fromBacklog() {
    const { feed, options } = this.#shared
    const waiting = this.#backlog.length - this.#backlogAt + (feed.next - this.#cursor)
    const lag = waiting + (this.#backlogMore ? manyMore : 0)
    const count = BatchPolicy.take(this.#backlog, this.#backlogAt, lag, sizeOf, options)
    const batch = this.#backlog.slice(this.#backlogAt, this.#backlogAt + count)
    this.#backlogAt += count
    for (const { ref } of batch) this.#sent(ref)
    return this.#respond(`b${digestsKey(batch)}`, batch)
  }

  #fromRing() {
    const { feed } = this.#shared
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
    return this.#respond(`r${from}:${candidates.length}:${digestsKey(candidates)}`, candidates)
  }

  #wants({ ref }: SourceBlock): boolean {
    if (this.#twice.delete(ref.digest)) return false
    return ref.round > (this.#requested[ref.author] ?? 0) && ref.round > this.#shared.feed.tip.gcRound
  }

  #sent({ author, round }: SourceBlock["ref"]): void {
    this.#reached[author] = Math.max(this.#reached[author] ?? 0, round)
  }

  #respond(key: string, batch: ReadonlyArray<SourceBlock>) {
    const { blocks, feed, options } = this.#shared
    let bytes = 0
    for (const block of batch) bytes += sizeOf(block)
    if (bytes > options.hardBytes) {
      const why = `block ${batch[0]!.ref.digest} has ${bytes} bytes, above the limit of ${options.hardBytes}`
      return fail(new ResourceExhausted({ why }))
    }
    this.bytes = bytes
    const { highestCommitIndex } = feed.tip
    return blocks.get(`${key}:${highestCommitIndex}`, () => ({
      response: { blocks: batch.map((block) => block.bytes), highestCommitIndex },
      bytes: bytes * 2
    }))
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
