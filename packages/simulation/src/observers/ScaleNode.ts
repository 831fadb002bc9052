/**
 * A stand-in for one observer that relays. The mode machine, batch sizes, thresholds and the rule about paths are the
 * package's own; blocks are counted instead of made, and verifying them takes time instead of work.
 */
import { Relay, SubscriberConfig, SubscriberMode } from "@ephor/streaming"
import { type Lines, ScalePublisher, type Stock } from "./ScalePublisher.ts"
import { begin, type Child, type Session } from "./ScaleSession.ts"

/** The tree and the network, as a node sees them, and where it reports to. */
export interface Surroundings extends Lines {
  readonly random: () => number
  readonly node: (index: number) => Observer
  /** Sources that a node knows, the preferred one first. */
  readonly sources: (index: number) => ReadonlyArray<number>
  readonly certified: (node: number, commit: number, nowMs: number) => void
  readonly lagged: (certified: number) => void
  readonly reconnected: () => void
  readonly modeChanged: () => void
  readonly violated: (why: string) => void
}

const config = SubscriberConfig.defaults
/** Time after which a host that does not answer is given up, as the gRPC client does. */
const connectTimeoutMs = 5000
/** See the head of the file. */
export class Observer implements Child, Stock {
  readonly index: number
  readonly #around: Surroundings
  readonly #publisher: ScalePublisher
  alive = true
  /** Rounds that are here, verified, without a gap. */
  held = 0
  /** Rounds that are here or being verified. */
  #received = 0
  /** The last commit that a quorum of the votes here is for. */
  certifiedIndex = 0
  #head = 0
  #claimed: number | undefined
  #cpuFreeMs = 0
  #session: Session | undefined
  #state = SubscriberMode.initial({ derives: true })
  #derived = 0
  #blockResponses = 0
  #path: Relay.Path
  #turn = 0
  #attempt = 0
  #heldAtConnect = 0

  constructor(index: number, around: Surroundings) {
    this.index = index
    this.#around = around
    this.#publisher = new ScalePublisher(this, around)
    this.#path = [String(index)]
  }

  /** Whether it is at the tip, by blocks alone. */
  get calm(): boolean {
    return this.#session !== undefined && this.#state.mode === "BlocksOnly" && this.#lag() <= 2
  }

  start(): void {
    const { queue, random } = this.#around
    queue.after(random() * config.evaluateIntervalMs, () => this.#tick())
    if (this.index !== 0) queue.after(random() * 200, () => this.#connect())
  }

  kill(): void {
    this.alive = false
  }

  /** The origin makes a round, which commits. */
  produce(nowMs: number): void {
    this.held = ++this.#received
    this.#certify(this.held, nowMs)
    this.#publisher.feed()
  }

  #certify(index: number, nowMs: number): void {
    while (this.certifiedIndex < index) this.#around.certified(this.index, ++this.certifiedIndex, nowMs)
  }

  #lag(): number {
    if (this.#claimed === undefined) return 0
    const voted = this.certifiedIndex
    const target =
      voted === 0
        ? this.#claimed
        : Math.max(voted, Math.min(this.#claimed, voted + config.startCommitSyncLag))
    return Math.max(0, target - Math.max(this.#head, voted))
  }

  #connect(): void {
    const { delayMs, queue, node, reachable, reconnected, refused, sources } = this.#around
    if (!this.alive) return
    const known = sources(this.index)
    const source = node(known[this.#turn++ % known.length]!)
    reconnected()
    if (!reachable(source.index, this.index) || !source.alive) {
      queue.after(connectTimeoutMs, () => this.#retry())
      return
    }
    const travelMs = delayMs(source.index, this.index)
    queue.after(3 * travelMs, () => {
      if (!reachable(source.index, this.index) || !source.alive) return this.#retry()
      if (Relay.pathRefusal(String(this.index), source.#path, Relay.defaults.maxHops) !== undefined) {
        refused()
        return this.#retry()
      }
      const session = begin(source.#publisher, this, queue.nowMs)
      this.#session = session
      this.#claimed = undefined
      this.#heldAtConnect = this.held
      source.#publisher.add(session)
      this.follow(source.#path)
      this.#step({ _tag: "Connected" })
    })
  }

  #retry(): void {
    const step = this.#attempt++ - config.immediateRetries
    const longest = Math.min(config.maxBackoffMs, config.backoffMs * 2 ** Math.min(Math.max(step, 0), 30))
    this.#around.queue.after(step < 0 ? 0 : Math.ceil(this.#around.random() * longest), () => this.#connect())
  }

  leave(): void {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    session.closed = true
    // What is being verified stays; what is under way is lost.
    if (this.held > this.#heldAtConnect) this.#attempt = 0
    this.#claimed = undefined
    this.#head = this.certifiedIndex
    this.#step({ _tag: "Disconnected" })
    this.follow([])
    this.#retry()
  }

  /** The path of the source is told, or has changed: children are told in turn. */
  follow(source: Relay.Path): void {
    const path = Relay.extendPath(String(this.index), source)
    if (path.join() === this.#path.join()) return
    this.#path = path
    this.#publisher.tell(path)
  }

  #step(observation: SubscriberMode.Observation): void {
    const before = this.#state.mode
    const [state, commands] = SubscriberMode.step(this.#state, observation, config)
    this.#state = state
    if (state.mode !== before) this.#around.modeChanged()
    for (const command of commands) this.#send(command)
  }

  #send(command: SubscriberMode.Command): void {
    const session = this.#session
    if (session === undefined) return
    const { queue, reachable } = this.#around
    const [received, head] = [this.#received, Math.max(this.#head, this.certifiedIndex)]
    const { source } = session
    session.commandMs = Math.max(
      session.commandMs,
      queue.nowMs + this.#around.delayMs(this.index, source.index)
    )
    queue.after(session.commandMs - queue.nowMs, () => {
      if (session.closed || !source.alive || !reachable(this.index, source.index)) return
      if (command === "StartBlocks") session.round = received + 1
      else if (command === "StopBlocks") session.round = undefined
      else if (command === "StartCommits") session.commit = head + 1
      else session.commit = undefined
      // Every start is answered.
      source.answer(session, 0, 0)
      source.pump(session)
    })
  }

  #evaluate(): void {
    const { queue, lagged } = this.#around
    const lag = this.#claimed === undefined ? undefined : this.#lag()
    lagged(this.certifiedIndex)
    this.#step({
      _tag: "Measured",
      nowMs: queue.nowMs,
      lag,
      queue: 0,
      derived: this.#derived,
      blockResponses: this.#blockResponses,
      stalled: false
    })
  }

  /** Rounds `from ..= to` came on the block stream, or as commits; nothing if `to` is 0. */
  take(session: Session, from: number, to: number, claimed: number, isCommits: boolean): void {
    if (session !== this.#session || !this.alive) return
    const { queue, options, violated } = this.#around
    session.heardMs = queue.nowMs
    this.#claimed = Math.max(this.#claimed ?? 0, claimed)
    if (!isCommits) this.#blockResponses++
    const fresh = to - Math.max(from - 1, this.#received)
    if (fresh <= 0) {
      // A commit whose blocks are here links at once, and shows that the blocks lead on.
      if (isCommits && to > this.#head) {
        this.#head = to
        this.#derived++
      }
      return this.#evaluate()
    }
    // A source that no longer holds the rounds between cannot continue here by blocks: commits will.
    if (from > this.#received + 1) {
      if (isCommits) violated(`observer ${this.index} got commit ${from} after ${this.#received}`)
      return this.#evaluate()
    }
    this.#received = to
    const work = fresh * (isCommits ? options.digestMs : options.verifyMs)
    this.#cpuFreeMs = Math.max(queue.nowMs, this.#cpuFreeMs) + work
    queue.after(this.#cpuFreeMs - queue.nowMs, () => {
      if (!this.alive) return
      this.held = to
      // Votes for a commit are in the next round.
      this.#certify(to - 1, queue.nowMs)
      if (isCommits) this.#head = to
      else this.#derived++
      this.#publisher.feed()
      this.#evaluate()
    })
  }

  #tick(): void {
    if (!this.alive) return
    const { queue } = this.#around
    const { nowMs } = queue
    this.#publisher.tick(nowMs)
    const session = this.#session
    if (session !== undefined) {
      this.#evaluate()
      if (nowMs - session.heardMs > config.silenceMs) this.leave()
    }
    queue.after(config.evaluateIntervalMs, () => this.#tick())
  }
}
