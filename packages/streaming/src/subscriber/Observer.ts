/**
 * What a subscriber knows and does, whoever its publisher is at the moment: takes responses apart, verifies, derives,
 * hands over, and decides about modes.
 */
import { Effect, Metric, Queue, Result, SubscriptionRef } from "effect"
import { Elapsed, type CommittedSubDag } from "@ephor/types"
import type { ObservedBlock, Service as Verifier } from "../BlockVerifier.ts"
import { CommitDeriver, isFault, type ObservedCommit } from "../CommitDeriver.ts"
import type { BlockStreamResponse, CommitStreamResponse } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import { Forged, ObserverError, Protocol, Stalled } from "../ObserverError.ts"
import type { Stats } from "../Subscriber.ts"
import type { Position, SubscriberConfig } from "../SubscriberConfig.ts"
import * as SubscriberMode from "../SubscriberMode.ts"
import { type Equivocation, Equivocations } from "./Equivocations.ts"
import { Outbox } from "./Outbox.ts"
import { Randomness } from "./Randomness.ts"

/** Who catches up is faster than the committee: commits must come this much faster than they were made. */
const catchUpPace = 1.25

const bytesOf = (commit: ObservedCommit) => commit.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** See the head of the file. */
export class Observer {
  readonly config: SubscriberConfig
  readonly verifier: Verifier
  readonly deriver: CommitDeriver
  readonly mode: SubscriptionRef.SubscriptionRef<SubscriberMode.Mode>
  readonly commits: Outbox<ObservedCommit>
  readonly blocks: Outbox<ObservedBlock>
  /** Reports for the application; the oldest go when nobody takes them. */
  readonly equivocations: Queue.Queue<Equivocation>
  readonly randomness: Randomness
  readonly #slots: Equivocations
  /** The last commit that the application has processed. */
  position: Position
  #state: SubscriberMode.State
  #peer = ""
  /** What this publisher says its highest commit is; unknown until it has. */
  #claimed: number | undefined
  #blockResponses = 0
  #counts = {
    commits: 0,
    blocks: 0,
    bytes: 0,
    verified: 0,
    rejected: 0,
    duplicates: 0,
    equivocations: 0,
    sessions: 0
  }
  /** Times of bad blocks in the last minute. */
  #bad: Array<number> = []
  /** The last commit that links, and the last certified one. */
  #place = ""
  #placeMovedMs = 0
  #progress = ""
  #progressedMs = 0
  /** When the last certified commit was made, by the committee's clock. */
  #madeMs = 0
  /** Since when we are behind this publisher, and what `#madeMs` was then. */
  #behind: { readonly sinceMs: number; readonly madeMs: number } | undefined

  private constructor(
    config: SubscriberConfig,
    verifier: Verifier,
    { equivocations, mode, randomness }: Pick<Observer, "equivocations" | "mode" | "randomness">
  ) {
    this.config = config
    this.equivocations = equivocations
    this.randomness = randomness
    this.#slots = new Equivocations(config.maxBlocksPerSlot)
    this.verifier = verifier
    this.mode = mode
    this.position = config.from
    this.deriver = new CommitDeriver({ ...config, committee: verifier.committee })
    this.#state = SubscriberMode.initial({ derives: verifier.committee !== undefined })
    this.commits = new Outbox(
      { items: config.maxCommitsAhead, bytes: config.maxBytesAhead },
      bytesOf,
      (done) => {
        const { digest, index } = done.at(-1)!
        this.position = digest === undefined ? { index } : { index, digest }
      }
    )
    const items = config.pauseBlocksQueueSize * 2
    this.blocks = new Outbox({ items, bytes: config.maxBytesAhead }, ({ bytes }) => bytes.length)
  }

  static make(config: SubscriberConfig, verifier: Verifier): Effect.Effect<Observer> {
    const { mode } = SubscriberMode.initial({ derives: verifier.committee !== undefined })
    return Effect.map(
      Effect.all({
        mode: SubscriptionRef.make<SubscriberMode.Mode>(mode),
        equivocations: Queue.sliding<Equivocation>(config.maxEquivocations),
        randomness: Randomness.make(config, verifier)
      }),
      (parts) => new Observer(config, verifier, parts)
    )
  }

  stats(): Stats {
    return { ...this.#counts, paused: this.#state.paused, peer: this.#peer }
  }

  /** Whether this grew since it was asked last tells whether a session was any good. */
  get delivered(): number {
    return this.#counts.commits + this.#counts.blocks
  }

  get state(): SubscriberMode.State {
    return this.#state
  }

  /**
   * Commits behind the target: those that we have not received, and those that the application has not processed.
   * Commits that we hold and that only wait for votes do not count: no stream would bring them sooner. A claim of the
   * publisher counts only so far beyond what a quorum has voted for; without a quorum it is all there is.
   */
  lag(): number | undefined {
    if (this.#claimed === undefined) return undefined
    const { head, voted } = this.deriver
    const target =
      voted === 0
        ? this.#claimed
        : Math.max(voted, Math.min(this.#claimed, voted + this.config.startCommitSyncLag))
    return Math.max(0, target - head) + this.commits.size
  }

  beginSession(peer: string, nowMs: number): void {
    this.#peer = peer
    this.#claimed = undefined
    this.#bad = []
    this.#progressedMs = nowMs
    this.#placeMovedMs = nowMs
    this.#behind = undefined
    this.#counts.sessions++
  }

  /** What is not certified was this publisher's word only. */
  endSession(): void {
    this.#claimed = undefined
    this.deriver.rollback()
    this.#state = SubscriberMode.step(this.#state, { _tag: "Disconnected" }, this.config)[0]
  }

  connected(): Effect.Effect<ReadonlyArray<SubscriberMode.Command>> {
    return this.#step({ _tag: "Connected" })
  }

  /** Evaluates the modes; fails if this publisher gets us nowhere. */
  evaluate(nowMs: number): Effect.Effect<ReadonlyArray<SubscriberMode.Command>, ObserverError> {
    return Effect.suspend(() => {
      const { deriver } = this
      const lag = this.lag()
      const place = `${deriver.head}/${deriver.certified.index}`
      if (place !== this.#place) {
        this.#place = place
        this.#placeMovedMs = nowMs
      }
      // What a publisher sends is no progress until votes have certified it.
      const progress = `${deriver.certified.index}/${this.position.index}`
      if (progress !== this.#progress || lag === 0 || this.#state.mode === "BlocksOnly") {
        this.#progress = progress
        this.#progressedMs = nowMs
      }
      const stuckMs = nowMs - this.#progressedMs
      if (stuckMs >= this.config.progressMs) {
        const why = `no commit for ${stuckMs} ms at a lag of ${lag ?? "unknown"}, although ${this.#peer} claims ${this.#claimed ?? 0}`
        return Effect.fail(this.error(new Stalled({ why })))
      }
      if (!this.#gains(nowMs, lag)) {
        const why = `commits come no faster than they are made, although ${this.#peer} claims ${this.#claimed ?? 0}`
        return Effect.fail(this.error(new Stalled({ why })))
      }
      // What a quorum has voted for and we cannot certify lacks either the commit or the votes: commits bring both.
      const late =
        deriver.voted > deriver.certified.index && nowMs - this.#placeMovedMs >= this.config.stallMs
      return this.#step({
        _tag: "Measured",
        nowMs,
        lag,
        queue: this.#queue,
        derived: deriver.derived,
        blockResponses: this.#blockResponses,
        stalled: late || !deriver.anchored
      })
    })
  }

  /** Whether we gain on a publisher that claims to be ahead: one that does not is slow, or boasts. */
  #gains(nowMs: number, lag: number | undefined): boolean {
    // What the application has not taken yet is not the publisher's fault.
    const ahead = (lag ?? 0) > this.commits.size && this.#state.mode !== "BlocksOnly" && !this.commits.full
    const began = this.#behind
    const elapsedMs = nowMs - (began?.sinceMs ?? nowMs)
    if (ahead && began !== undefined && elapsedMs < this.config.progressMs) return true
    this.#behind = ahead ? { sinceMs: nowMs, madeMs: this.#madeMs } : undefined
    return !ahead || began === undefined || this.#madeMs - began.madeMs >= elapsedMs * catchUpPace
  }

  get #queue(): number {
    return this.blocks.attached ? this.blocks.size : 0
  }

  #step(observation: SubscriberMode.Observation): Effect.Effect<ReadonlyArray<SubscriberMode.Command>> {
    return Effect.suspend(() => {
      const before = this.#state.mode
      const [state, commands] = SubscriberMode.step(this.#state, observation, this.config)
      this.#state = state
      if (state.mode === before) return Effect.succeed(commands)
      return Effect.as(
        Effect.andThen(Metric.update(Metrics.modeChanges, 1), SubscriptionRef.set(this.mode, state.mode)),
        commands
      )
    })
  }

  error(reason: ObserverError["reason"]): ObserverError {
    return new ObserverError({ where: this.#peer, reason })
  }

  #claim(index: number): Effect.Effect<void> {
    this.#claimed = Math.max(this.#claimed ?? 0, index)
    return Effect.andThen(
      Metric.update(Metrics.commitLag, this.lag() ?? 0),
      Metric.update(Metrics.blockQueue, this.#queue)
    )
  }

  /** Takes a batch of loose blocks. */
  readonly onBlocks = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, response: BlockStreamResponse) {
      this.#blockResponses++
      yield* this.#claim(response.highestCommitIndex)
      yield* this.onFetched(response.blocks)
      for (const signature of response.auxiliaryData?.randomnessSignatures ?? [])
        yield* Effect.catch(this.randomness.take(signature), (forged) => this.#reject(forged))
    }
  )

  /** Takes loose blocks, whoever asked for them. */
  readonly onFetched = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, blocks: ReadonlyArray<Uint8Array>) {
      for (const bytes of blocks) {
        this.#counts.bytes += bytes.length
        yield* Metric.update(Metrics.bytesReceived, bytes.length)
        const block = this.verifier.open(bytes)
        if (Result.isFailure(block)) yield* this.#reject(block.failure)
        else yield* Effect.catch(this.#takeBlock(block.success), (forged) => this.#reject(forged))
      }
      yield* this.#conclude()
    }
  )

  readonly #takeBlock = Effect.fnUntraced({ self: this }, function* (this: Observer, block: ObservedBlock) {
    const { deriver } = this
    if (deriver.knows(block.ref.digest)) {
      this.#counts.duplicates++
      // It may have come in a commit, unverified.
      if (!deriver.lacks(block)) return
    } else if (this.#slots.isFull(block.ref)) {
      // Should it matter after all, a commit will bring it.
      this.#counts.rejected++
      return yield* Metric.update(Metrics.blocksRejected, 1)
    }
    yield* this.#verify(block)
    yield* this.#witness(block)
    yield* this.#accepted(deriver.addBlock(block, yield* Elapsed.ms))
  })

  /** Checks a block's signature and rules, and counts its votes. */
  #verify(block: ObservedBlock): Effect.Effect<void, Forged> {
    return Effect.map(this.verifier.verify(block), () => {
      this.#counts.verified++
      this.deriver.addVotes(block)
    })
  }

  /** Reports an author who has made another block for the same place, when both are really its own. */
  #witness(block: ObservedBlock): Effect.Effect<void> {
    const first = this.#slots.note(block)
    if (first === undefined) return Effect.void
    const { author, round } = block.ref
    const report = Effect.suspend(() => {
      this.#counts.equivocations++
      Queue.offerUnsafe(this.equivocations, { author, round, blocks: [first, block] })
      return Effect.andThen(
        Metric.update(Metrics.equivocations, 1),
        Effect.logWarning("an author has signed two blocks for one round", {
          author,
          round,
          digests: [first.ref.digest, block.ref.digest]
        })
      )
    })
    // Blocks that came in commits were only vouched for.
    const both = Effect.andThen(this.verifier.verify(first), this.verifier.verify(block))
    return Effect.ignore(Effect.andThen(both, report))
  }

  #accepted(blocks: ReadonlyArray<ObservedBlock>): Effect.Effect<void> {
    this.#counts.blocks += blocks.length
    if (this.blocks.attached) this.blocks.push(blocks)
    return blocks.length === 0 ? Effect.void : Metric.update(Metrics.blocksAccepted, blocks.length)
  }

  /** Drops a bad block; too many of them in a minute end the session. */
  readonly #reject = Effect.fnUntraced({ self: this }, function* (this: Observer, forged: Forged) {
    const nowMs = yield* Elapsed.ms
    this.#counts.rejected++
    this.#bad = [...this.#bad.filter((atMs) => nowMs - atMs < 60_000), nowMs]
    yield* Metric.update(Metrics.blocksRejected, 1)
    yield* Effect.logDebug("bad block dropped", forged.message)
    if (this.#bad.length > this.config.maxBadBlocksPerMinute) return yield* this.error(forged)
    return undefined
  })

  /** Takes a batch of commits. */
  readonly onCommits = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, response: CommitStreamResponse) {
      yield* this.#claim(response.highestCommitIndex)
      for (const commit of response.commits) yield* this.#takeCommit(commit)
      for (const block of yield* this.#openAll(response.certifierBlocks ?? [])) this.deriver.offerVoter(block)
      for (let wanted = this.deriver.wanted(); wanted.length > 0; wanted = this.deriver.wanted()) {
        for (const block of wanted)
          yield* Effect.mapError(this.#verify(block), (forged) => this.error(forged))
      }
      yield* this.#conclude()
      const { held, heldBytes } = this.deriver
      if (held > this.config.maxUncertifiedCommits || heldBytes > this.config.maxBytesAhead) {
        const why = `${held} commits (${heldBytes} bytes) came without the votes that would certify them`
        return yield* this.error(new Stalled({ why }))
      }
      return undefined
    }
  )

  readonly #takeCommit = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, commit: CommittedSubDag) {
      const accepted = this.deriver.addCommit(commit, yield* this.#openAll(commit.blocks))
      if (isFault(accepted)) return yield* this.error(new Protocol(accepted))
      yield* this.#accepted(accepted)
      return undefined
    }
  )

  /** Opens blocks of the commit stream: a bad one condemns it. */
  readonly #openAll = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, all: ReadonlyArray<Uint8Array>) {
      const blocks: Array<ObservedBlock> = []
      for (const bytes of all) {
        this.#counts.bytes += bytes.length
        const block = this.verifier.open(bytes)
        if (Result.isFailure(block)) {
          this.#counts.rejected++
          yield* Metric.update(Metrics.blocksRejected, 1)
          return yield* this.error(block.failure)
        }
        blocks.push(block.success)
      }
      return blocks
    }
  )

  readonly #conclude = Effect.fnUntraced({ self: this }, function* (this: Observer) {
    const commits = this.deriver.conclude()
    if (isFault(commits)) return yield* this.error(new Forged({ what: "chain", why: commits.why }))
    yield* this.#accepted(this.deriver.takeReleased())
    if (commits.length === 0) return undefined
    this.commits.push(commits)
    for (const { blocks } of commits) for (const block of blocks) yield* this.#witness(block)
    this.#slots.forget(commits.at(-1)!.leader.round - this.config.gcDepth)
    this.#madeMs = commits.at(-1)!.timestampMs
    this.#counts.commits += commits.length
    yield* Metric.update(Metrics.commitsDelivered, commits.length)
    return undefined
  })
}
