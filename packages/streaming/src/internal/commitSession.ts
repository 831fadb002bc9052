/**
 * One commit stream at the publisher: the index of the next commit, and nothing else.
 */
import { Effect } from "effect"
import type { CommittedSubDag } from "@ephor/types"
import * as BatchPolicy from "../BatchPolicy.ts"
import { commitBytes } from "../FrameCache.ts"
import type { CommitStreamRequest, CommitStreamResponse } from "../Messages.ts"
import { ObserverError, OutOfRange, ResourceExhausted, Source } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import type { Session } from "./drive.ts"

type Command = NonNullable<CommitStreamRequest["command"]>

const fail = (reason: ObserverError["reason"]) =>
  Effect.fail(new ObserverError({ where: "StreamCommits", reason }))

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
  #sentMs = 0

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
    const command = this.#waiting
    this.#waiting = undefined
    if (command !== undefined) this.#found = undefined
    if (command?._tag === "Stop") this.#next = undefined
    if (command?._tag === "Start") {
      this.#next = command.value.lastCommitIndex + 1
      this.#wishes = command.value
      this.#owesResponse = true
    }
    if (this.#next === undefined) return undefined
    const { feed, options } = this.#shared
    const { earliestCommitIndex, highestCommitIndex } = feed.tip
    if (this.#next < earliestCommitIndex)
      return fail(new OutOfRange({ earliest: earliestCommitIndex, latest: highestCommitIndex }))
    // Ahead of us is not an error: commits are sent when they exist.
    const found = this.#next > highestCommitIndex ? [] : this.#found
    if (found === undefined) return this.#read(this.#next)
    this.#found = undefined
    const response = found.length === 0 ? undefined : this.#respond(this.#next, found)
    if (response === undefined && !this.#owesResponse && nowMs - this.#sentMs < options.heartbeatMs)
      return undefined
    this.#owesResponse = false
    this.#sentMs = nowMs
    return response ?? this.#heartbeat()
  }

  #read(next: number): Effect.Effect<void, ObserverError> {
    const { feed, source } = this.#shared
    const lag = feed.tip.highestCommitIndex - next
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
    const limits = BatchPolicy.lowered(options, this.#wishes)
    const count = BatchPolicy.take(found, 0, found.length, commitBytes, limits)
    const commits = found.slice(0, count)
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
