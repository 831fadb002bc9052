/**
 * The half of a stand-in that sends: to each of its children what is due, as fast as its line and their windows allow.
 */
import { BatchPolicy, Publisher, Relay, SubscriberConfig } from "@ephor/streaming"
import type { EventQueue } from "./EventQueue.ts"
import type { Options } from "./ScaleReport.ts"
import type { Session, Source } from "./ScaleSession.ts"

/** The lines between nodes. */
export interface Lines {
  readonly options: Options
  readonly queue: EventQueue
  readonly reachable: (from: number, to: number) => boolean
  readonly delayMs: (from: number, to: number) => number
  readonly sent: (bytes: number) => void
  readonly refused: () => void
}

/** What there is to send. */
export interface Stock {
  readonly index: number
  readonly alive: boolean
  /** Rounds that are here, verified, without a gap. */
  readonly held: number
  /** The last commit that a quorum of the votes here is for. */
  readonly certifiedIndex: number
}

const heartbeatBytes = 12
/** Flow-control window of a stream, as the gRPC client sets it. */
const windowBytes = 4 * 1024 * 1024
/** Time after which a child that takes nothing is reset, as the gRPC server does. */
const writeStallMs = 10_000
/** Rounds that a relay holds as loose blocks. */
const heldRounds = SubscriberConfig.defaults.gcDepth

/** See the head of the file. */
export class ScalePublisher implements Source {
  readonly #stock: Stock
  readonly #around: Lines
  readonly #children = new Set<Session>()
  #egressFreeMs = 0

  constructor(stock: Stock, around: Lines) {
    this.#stock = stock
    this.#around = around
  }

  get index(): number {
    return this.#stock.index
  }

  get alive(): boolean {
    return this.#stock.alive
  }

  add(session: Session): void {
    this.#children.add(session)
  }

  /** Tells all children of a path; those that are on it leave. */
  tell(path: Relay.Path): void {
    for (const session of this.#children) {
      this.#deliver(session, heartbeatBytes, () => {
        const why = Relay.pathRefusal(String(session.child.index), path, Relay.defaults.maxHops)
        if (why === undefined) return session.child.follow(path)
        this.#around.refused()
        return session.child.leave()
      })
    }
  }

  /** Resets children that take nothing, and sends heartbeats that are due. */
  tick(nowMs: number): void {
    for (const session of this.#children) {
      const stalled = session.bytesUnderWay >= windowBytes && nowMs - session.takenMs > writeStallMs
      if (session.closed || stalled) this.#children.delete(session)
      else if (nowMs - session.sentMs >= Publisher.defaults.heartbeatMs) this.answer(session, 0, 0)
    }
  }

  /** Sends to all children what is due. */
  feed(): void {
    for (const session of this.#children) {
      if (session.closed) this.#children.delete(session)
      else this.pump(session)
    }
  }

  /** Sends what is due, one response at a time, as far as the window allows. */
  pump(session: Session): void {
    if (session.sending || session.closed || session.bytesUnderWay >= windowBytes) return
    const { options } = this.#around
    const blocksDue = session.round !== undefined && session.round <= this.#stock.held
    const commitsDue = session.commit !== undefined && session.commit <= this.#stock.certifiedIndex
    // Blocks are accepted before their commit: where both are due, the older one goes first.
    if (blocksDue && !(commitsDue && session.commit! < session.round!)) {
      const round = Math.max(session.round!, this.#stock.held - heldRounds)
      session.round = round + 1
      this.answer(session, round, round)
    } else if (commitsDue) {
      const from = session.commit!
      const lag = this.#stock.certifiedIndex - from
      const fits = Math.max(1, Math.floor(BatchPolicy.defaults.softBytes / options.roundBytes))
      const to = from + Math.min(BatchPolicy.size(lag), fits, lag + 1) - 1
      session.commit = to + 1
      this.answer(session, from, to, true)
    }
  }

  answer(session: Session, from: number, to: number, isCommits = false): void {
    const { queue, options } = this.#around
    const bytes = to === 0 ? heartbeatBytes : (to - from + 1) * options.roundBytes
    const claimed = this.#stock.certifiedIndex
    session.sentMs = queue.nowMs
    session.bytesUnderWay += bytes
    if (to > 0) session.sending = true
    const sentMs = this.#deliver(session, bytes, () => {
      session.bytesUnderWay -= bytes
      session.takenMs = queue.nowMs
      session.child.take(session, from, to, claimed, isCommits)
      this.pump(session)
    })
    if (to > 0) {
      queue.after(sentMs, () => {
        session.sending = false
        if (this.alive) this.pump(session)
      })
    }
  }

  /** Puts bytes on the wire; returns how long until they have left. What cannot arrive is lost. */
  #deliver(session: Session, bytes: number, arrive: () => void): number {
    const { delayMs, queue, options, reachable, sent } = this.#around
    this.#egressFreeMs = Math.max(queue.nowMs, this.#egressFreeMs) + bytes / options.bytesPerMs
    const leaveMs = this.#egressFreeMs - queue.nowMs
    sent(bytes)
    const arrivesMs = queue.nowMs + leaveMs + delayMs(this.index, session.child.index)
    session.responseMs = Math.max(session.responseMs, arrivesMs)
    queue.after(session.responseMs - queue.nowMs, () => {
      if (!session.closed && this.alive && session.child.alive && reachable(this.index, session.child.index))
        arrive()
    })
    return leaveMs
  }
}
