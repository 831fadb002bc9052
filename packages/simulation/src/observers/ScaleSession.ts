/** One session in the tree, and what its two ends are to each other. */
import type { Relay } from "@ephor/streaming"

/** Who sends. */
export interface Source {
  readonly index: number
  readonly alive: boolean
  /** Rounds or commits `from ..= to`; a heartbeat if `to` is 0. */
  answer(session: Session, from: number, to: number): void
  /** Sends what is due. */
  pump(session: Session): void
}

/** Who receives. */
export interface Child {
  readonly index: number
  readonly alive: boolean
  /** Rounds `from ..= to` came on the block stream, or as commits; nothing if `to` is 0. */
  take(session: Session, from: number, to: number, claimed: number, isCommits: boolean): void
  /** The path of the source is told. */
  follow(path: Relay.Path): void
  leave(): void
}

/** One session between a source and an observer, as both see it. */
export interface Session {
  readonly source: Source
  readonly child: Child
  /** The child has left. */
  closed: boolean
  /** Next round, and next commit, to send; nothing while that stream is stopped. */
  round: number | undefined
  commit: number | undefined
  bytesUnderWay: number
  sending: boolean
  sentMs: number
  takenMs: number
  /** When the child last heard of it. */
  heardMs: number
  /** When the newest response, and the newest command, arrive: nothing overtakes. */
  responseMs: number
  commandMs: number
}

/** A session that begins now. */
export const begin = (source: Source, child: Child, nowMs: number): Session => ({
  source,
  child,
  closed: false,
  round: undefined,
  commit: undefined,
  bytesUnderWay: 0,
  sending: false,
  sentMs: nowMs,
  takenMs: nowMs,
  heardMs: nowMs,
  responseMs: 0,
  commandMs: 0
})
