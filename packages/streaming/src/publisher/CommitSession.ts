/**
 * One commit stream at the publisher: the index of the next commit, and what certifies the last ones where no next one
 * is near.
 */
import { Effect } from "effect"
import type { CommittedSubDag } from "@ephor/types"
import * as BatchPolicy from "../BatchPolicy.ts"
import type { SourceBlock } from "../BlockSource.ts"
import { blockBytes, commitBytes } from "../FrameCache.ts"
import type { CommitStreamRequest, CommitStreamResponse } from "../Messages.ts"
import { ObserverError, OutOfRange, ResourceExhausted, Source } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import type { Session } from "./Drive.ts"

type Command = NonNullable<CommitStreamRequest["command"]>

const fail = (reason: ObserverError["reason"]) =>
  Effect.fail(new ObserverError({ where: "StreamCommits", reason }))

const sizeOf = ({ bytes }: SourceBlock) => blockBytes(bytes)

/** See `makeCommitSession`. */
export class CommitSession implements Session<Command, CommitStreamResponse> {
  wake: (() => void) | undefined
  bytes = 0
  readonly #shared: Shared
  #waiting: Command | undefined
  /** Index of the next commit to send; nothing while stopped. */
  #next: number | undefined
  /** What the source has from there on, once it was asked. */
  #found: ReadonlyArray<CommittedSubDag> | undefined
  #wishes: BatchPolicy.BatchWishes = {}
  #owesResponse = false
  /** It has not been at the tip since it was started: what certifies the tip is due as soon as it is. */
  #owesCertifiers = false
  /** Those that were sent last. */
  #certifiers: ReadonlyArray<SourceBlock> = []
  /** They have just been looked for. */
  #looked = false
  #sentMs = Number.NEGATIVE_INFINITY

  constructor(shared: Shared) {
    this.#shared = shared
  }

  command(command: Command): void {
    this.#waiting = command
  }

  ready(): boolean {
    if (this.#waiting !== undefined) return true
    return this.#next !== undefined && this.#next <= this.#shared.feed.tip.highestCommitIndex
  }

  due(nowMs: number): boolean {
    return this.#next !== undefined && nowMs - this.#sentMs >= this.#shared.options.heartbeatMs
  }

  poll(nowMs: number): CommitStreamResponse | Effect.Effect<void, ObserverError> | undefined {
    const { feed, options } = this.#shared
    const command = this.#waiting
    this.#waiting = undefined
    if (command !== undefined) this.#found = undefined
    if (command?._tag === "Stop") this.#next = undefined
    if (command?._tag === "Start") {
      this.#next = command.value.lastCommitIndex + 1
      this.#wishes = command.value
      this.#owesResponse = true
      this.#owesCertifiers = options.certifierBlocks
      this.#certifiers = []
    }
    if (this.#next === undefined) return undefined
    const { earliestCommitIndex, highestCommitIndex } = feed.tip
    if (this.#next < earliestCommitIndex)
      return fail(new OutOfRange({ earliest: earliestCommitIndex, latest: highestCommitIndex }))
    // Ahead of us is not an error: commits are sent when they exist.
    const found = this.#next > highestCommitIndex ? [] : this.#found
    if (found === undefined) return this.#read(this.#next)
    this.#found = undefined
    if (found.length > 0) return this.#said(this.#respond(this.#next, found), nowMs)
    const due = this.#owesResponse || nowMs - this.#sentMs >= options.heartbeatMs
    if (!due && !this.#owesCertifiers) return undefined
    return this.#certifyTip(nowMs) ?? (due ? this.#said(this.#heartbeat(), nowMs) : undefined)
  }

  /** What certifies the newest commits, unless it was sent before. */
  #certifyTip(nowMs: number): CommitStreamResponse | Effect.Effect<void, ObserverError> | undefined {
    const { certifiers, feed, options } = this.#shared
    if (!options.certifierBlocks) return undefined
    // Once is enough, though there be news again: a stream that is due must not wait for a moment without any.
    if (!this.#looked && !certifiers.fits(feed)) {
      this.#looked = true
      return certifiers.load(feed)
    }
    this.#looked = false
    this.#owesCertifiers = false
    if (certifiers.blocks === this.#certifiers) return undefined
    this.#certifiers = certifiers.blocks
    return this.#certifiers.length === 0 ? undefined : this.#said(this.#certify(this.#certifiers), nowMs)
  }

  #said<R>(response: R, nowMs: number): R {
    this.#owesResponse = false
    this.#looked = false
    this.#sentMs = nowMs
    return response
  }

  #read(next: number): Effect.Effect<void, ObserverError> {
    const { feed, source } = this.#shared
    // Commits behind, the next one included: one commit at the tip is a lag of one.
    const lag = feed.tip.highestCommitIndex - next + 1
    return Effect.map(source.commitsAfter(next - 1, BatchPolicy.wishedSize(lag, this.#wishes)), (found) => {
      this.#found = found
    })
  }

  #respond(next: number, found: ReadonlyArray<CommittedSubDag>) {
    const { commits: cache, feed, options } = this.#shared
    const gap = found.findIndex((commit, i) => commit.commitIndex !== next + i)
    if (gap >= 0) {
      const why = `commit ${found[gap]!.commitIndex} came where commit ${next + gap} belongs`
      return fail(new Source({ why }))
    }
    const { highestCommitIndex } = feed.tip
    const commits = BatchPolicy.fitting(found, commitBytes, options, this.#wishes)
    const count = commits.length
    const bytes = commits.reduce((sum, commit) => sum + commitBytes(commit), 0)
    if (bytes > options.hardBytes) {
      const why = `commit ${next} has ${bytes} bytes, above the limit of ${options.hardBytes}`
      return fail(new ResourceExhausted({ why }))
    }
    this.#next = next + count
    this.bytes = bytes
    return cache.get(`${next}:${count}:${highestCommitIndex}`, () => ({
      response: { commits, highestCommitIndex },
      bytes: bytes * 2
    }))
  }

  /** A heartbeat that certifies: for peers that know the seed only, it is one. */
  #certify(certifiers: ReadonlyArray<SourceBlock>): CommitStreamResponse {
    const { commits: cache, feed, options } = this.#shared
    const blocks = BatchPolicy.fitting(certifiers, sizeOf, options, this.#wishes)
    this.bytes = blocks.reduce((sum, block) => sum + sizeOf(block), 0)
    const { highestCommitIndex } = feed.tip
    const key = `v:${highestCommitIndex}:${blocks.map(({ ref }) => ref.digest).join()}`
    return cache.get(key, () => ({
      response: { commits: [], highestCommitIndex, certifierBlocks: blocks.map(({ bytes }) => bytes) },
      bytes: this.bytes * 2
    }))
  }

  #heartbeat(): CommitStreamResponse {
    this.bytes = 0
    const { highestCommitIndex } = this.#shared.feed.tip
    return this.#shared.commits.get(`h:${highestCommitIndex}`, () => ({
      response: { commits: [], highestCommitIndex },
      bytes: 64
    }))
  }
}

/** A commit stream that has not been started yet. */
export const makeCommitSession = (shared: Shared): CommitSession => new CommitSession(shared)
