/**
 * One commit stream at the publisher: the index of the next commit, and nothing else.
 */
import { Effect, Metric } from "effect"
import type { CommittedSubDag } from "@ephor/types"
import * as BatchPolicy from "../BatchPolicy.ts"
import { commitBytes } from "../FrameCache.ts"
import type { CommitStreamRequest, CommitStreamResponse } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import { ObserverError, OutOfRange, ResourceExhausted, Source } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import { excessiveBytes } from "./blockSession.ts"
import type { Waiter } from "./feed.ts"

type Command = NonNullable<CommitStreamRequest["command"]>

const fail = (reason: ObserverError["reason"]) => new ObserverError({ where: "StreamCommits", reason })

/** See `makeCommitSession`. */
export class CommitSession implements Waiter {
  wake: (() => void) | undefined
  readonly #shared: Shared
  #waiting: Command | undefined
  /** Index of the next commit to send; nothing while stopped. */
  #next: number | undefined
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

  next(nowMs: number): Effect.Effect<CommitStreamResponse | undefined, ObserverError> {
    return Effect.gen({ self: this }, function* () {
      const command = this.#waiting
      this.#waiting = undefined
      if (command?._tag === "Stop") this.#next = undefined
      if (command?._tag === "Start") {
        this.#next = command.value.lastCommitIndex + 1
        this.#owesResponse = true
      }
      if (this.#next === undefined) return undefined
      const response = yield* this.#read(this.#next)
      const idle = nowMs - this.#sentMs < this.#shared.options.heartbeatMs
      if (response === undefined && !this.#owesResponse && idle) return undefined
      this.#owesResponse = false
      this.#sentMs = nowMs
      yield* Metric.update(Metrics.commitResponses, 1)
      return response ?? this.#heartbeat()
    })
  }

  *#read(next: number) {
    const { feed, options, source } = this.#shared
    const { earliestCommitIndex, highestCommitIndex } = feed.tip
    if (next < earliestCommitIndex) {
      return yield* fail(new OutOfRange({ earliest: earliestCommitIndex, latest: highestCommitIndex }))
    }
    // Ahead of us is not an error: commits are sent when they exist.
    if (next > highestCommitIndex) return undefined
    const lag = highestCommitIndex - next
    const found = yield* source.commitsAfter(next - 1, BatchPolicy.size(lag))
    if (found.length === 0) return undefined
    const gap = found.findIndex((commit, i) => commit.commitIndex !== next + i)
    if (gap >= 0) {
      const why = `commit ${found[gap]!.commitIndex} came where commit ${next + gap} belongs`
      return yield* fail(new Source({ why }))
    }
    const count = BatchPolicy.take(found, 0, lag, commitBytes, options)
    this.#next = next + count
    return yield* this.#respond(found.slice(0, count))
  }

  *#respond(commits: ReadonlyArray<CommittedSubDag>) {
    const { commits: cache, feed, options } = this.#shared
    const bytes = commits.reduce((sum, commit) => sum + commitBytes(commit), 0)
    if (bytes > options.hardBytes) {
      const why = `commit ${commits[0]!.commitIndex} has ${bytes} bytes, above the limit of ${options.hardBytes}`
      return yield* fail(new ResourceExhausted({ why }))
    }
    if (bytes > excessiveBytes) yield* Metric.update(Metrics.excessiveResponses, 1)
    const { highestCommitIndex } = feed.tip
    return cache.get(`${commits[0]!.commitIndex}:${commits.length}:${highestCommitIndex}`, () => ({
      response: { commits, highestCommitIndex },
      bytes: bytes * 2
    }))
  }

  #heartbeat(): CommitStreamResponse {
    const { highestCommitIndex } = this.#shared.feed.tip
    return this.#shared.commits.get(`h:${highestCommitIndex}`, () => ({
      response: { commits: [], highestCommitIndex },
      bytes: 64
    }))
  }
}

/** A commit stream that has not been started yet. */
export const makeCommitSession = (shared: Shared): CommitSession => new CommitSession(shared)
