/**
 * What a subscriber knows and does, whoever its publisher is at the moment: takes responses apart, verifies, derives,
 * hands over, and decides about modes.
 */
import { Effect, Metric, SubscriptionRef } from "effect"
import { type CommittedSubDag } from "@ephor/types"
import type { ObservedBlock, Service as Verifier } from "../BlockVerifier.ts"
import { CommitDeriver, isFault, type ObservedCommit } from "../CommitDeriver.ts"
import type { BlockStreamResponse, CommitStreamResponse } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import { Forged, ObserverError, Protocol, Stalled } from "../ObserverError.ts"
import type { Stats } from "../Subscriber.ts"
import type { Position, SubscriberConfig } from "../SubscriberConfig.ts"
import * as SubscriberMode from "../SubscriberMode.ts"
import { Inspection } from "./Inspection.ts"
import { Intake } from "./Intake.ts"
import { Outbox } from "./Outbox.ts"
import { Progress } from "./Progress.ts"
import { Randomness } from "./Randomness.ts"
import { Witness } from "./Witness.ts"

const bytesOf = (commit: ObservedCommit) => commit.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** See the head of the file. */
export class Observer {
  readonly config: SubscriberConfig
  readonly deriver: CommitDeriver
  readonly mode: SubscriptionRef.SubscriptionRef<SubscriberMode.Mode>
  readonly commits: Outbox<ObservedCommit>
  readonly blocks: Outbox<ObservedBlock>
  readonly witness: Witness
  readonly randomness: Randomness
  readonly #inspection: Inspection
  readonly #progress: Progress
  /** The last commit that the application has processed. */
  position: Position
  #state: SubscriberMode.State
  #peer = ""
  /** What this publisher says its highest commit is; unknown until it has. */
  #claimed: number | undefined
  #blockResponses = 0
  readonly #intake: Intake
  #counts = { commits: 0, sessions: 0 }

  private constructor(
    config: SubscriberConfig,
    verifier: Verifier,
    { mode, randomness, witness }: Pick<Observer, "mode" | "randomness" | "witness">
  ) {
    this.config = config
    this.witness = witness
    this.randomness = randomness
    this.#inspection = new Inspection(config, verifier)
    this.#progress = new Progress(config)
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
    this.#intake = new Intake(this.deriver, witness, this.blocks)
  }

  static make(config: SubscriberConfig, verifier: Verifier): Effect.Effect<Observer> {
    const { mode } = SubscriberMode.initial({ derives: verifier.committee !== undefined })
    return Effect.map(
      Effect.all({
        mode: SubscriptionRef.make<SubscriberMode.Mode>(mode),
        witness: Witness.make(config, verifier),
        randomness: Randomness.make(config, verifier)
      }),
      (parts) => new Observer(config, verifier, parts)
    )
  }

  stats(): Stats {
    const equivocations = this.witness.reported
    const { paused } = this.#state
    return {
      ...this.#counts,
      ...this.#intake.counts,
      ...this.#inspection.counts,
      equivocations,
      paused,
      peer: this.#peer
    }
  }

  /** Whether this grew since it was asked last tells whether a session was any good. */
  get delivered(): number {
    return this.#counts.commits + this.#intake.counts.blocks
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
    this.#inspection.begin()
    this.#progress.begin(nowMs)
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
      const wrong = this.#progress.fault({
        nowMs,
        head: deriver.head,
        certified: deriver.certified.index,
        processed: this.position.index,
        lag,
        untaken: this.commits.size,
        isFull: this.commits.full,
        isBlocksOnly: this.#state.mode === "BlocksOnly"
      })
      if (wrong !== undefined) {
        const why = `${wrong}, although ${this.#peer} claims ${this.#claimed ?? 0}`
        return Effect.fail(this.error(new Stalled({ why })))
      }
      // What a quorum has voted for and we cannot certify lacks either the commit or the votes: commits bring both.
      const late =
        deriver.voted > deriver.certified.index && this.#progress.unmovedMs(nowMs) >= this.config.stallMs
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
      yield* Effect.mapError(this.#intake.take(blocks, this.#inspection), (forged) => this.error(forged))
      yield* this.#conclude()
    }
  )

  /**
   * Takes what a publisher brings beside the one that is followed. What that one has told of the chain, if it turns out
   * to be wrong, is held against it when it speaks next.
   */
  readonly onBeside = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, blocks: ReadonlyArray<Uint8Array>, inspection: Inspection) {
      const before = this.#intake.counts.blocks
      yield* this.#intake.take(blocks, inspection)
      yield* Metric.update(Metrics.blocksBeside, this.#intake.counts.blocks - before)
      yield* Effect.ignore(this.#conclude())
    }
  )

  /** The inspection of a publisher beside the one that is followed. */
  inspectionBeside(): Inspection {
    return this.#inspection.beside()
  }

  /** Drops a bad block; too many of them in a minute end the session. */
  #reject(forged: Forged): Effect.Effect<void, ObserverError> {
    return Effect.mapError(this.#inspection.reject(forged), (one) => this.error(one))
  }

  /** Takes a batch of commits. */
  readonly onCommits = Effect.fnUntraced(
    { self: this },
    function* (this: Observer, response: CommitStreamResponse) {
      yield* this.#claim(response.highestCommitIndex)
      for (const commit of response.commits) yield* this.#takeCommit(commit)
      for (const block of yield* this.#openAll(response.certifierBlocks ?? [])) this.deriver.offerVoter(block)
      for (let wanted = this.deriver.wanted(); wanted.length > 0; wanted = this.deriver.wanted()) {
        for (const block of wanted)
          yield* Effect.mapError(this.#intake.verify(block, this.#inspection), (forged) => this.error(forged))
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
      yield* this.#intake.accepted(accepted)
      return undefined
    }
  )

  /** Opens blocks of the commit stream: a bad one condemns it. */
  #openAll(all: ReadonlyArray<Uint8Array>): Effect.Effect<ReadonlyArray<ObservedBlock>, ObserverError> {
    return Effect.mapError(this.#inspection.openAll(all), (forged) => this.error(forged))
  }

  readonly #conclude = Effect.fnUntraced({ self: this }, function* (this: Observer) {
    const commits = this.deriver.conclude()
    if (isFault(commits)) return yield* this.error(new Forged({ what: "chain", why: commits.why }))
    // At once: who concludes next, beside this one, must find these handed over.
    this.commits.push(commits)
    yield* this.#intake.accepted(this.deriver.takeReleased())
    if (commits.length === 0) return undefined
    for (const { blocks } of commits) for (const block of blocks) yield* this.witness.see(block)
    this.witness.forget(commits.at(-1)!.leader.round - this.config.gcDepth)
    this.#progress.madeMs = commits.at(-1)!.timestampMs
    this.#counts.commits += commits.length
    yield* Metric.update(Metrics.commitsDelivered, commits.length)
    return undefined
  })
}
