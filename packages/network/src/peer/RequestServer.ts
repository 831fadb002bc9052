/**
 * Answers the requests of one protocol. Who may ask, and whether it is within its share, is known before a request is
 * read: so many of a peer, so many of an address block, so many at a time and waiting, the rest refused at once. What
 * validators have is not touched by what the others do.
 */
import { Cause, Effect, Exit, Metric, Scope, Semaphore } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Peer, RequestHandler } from "../Network.ts"
import {
  type NetworkErrorReason,
  NotAllowed,
  Overloaded,
  Refused,
  ShareTaken,
  TooLarge
} from "../NetworkError.ts"
import { othersOf, type RequestProtocol } from "../Protocol.ts"
import * as Role from "../Role.ts"
import { Counts } from "../shares/Counts.ts"
import { Rates } from "../shares/Rates.ts"

/** What travels back. */
export type Answer = Exit.Exit<Uint8Array, NetworkErrorReason>

/** Sends an answer to whoever asked. */
export type Reply = (answer: Answer) => Effect.Effect<void>

/** A peer that asks, and where it sits. */
export interface Asker {
  readonly peer: Peer
  /** Its address block; see `addressBlock`. */
  readonly block: string
}

/** What one role has of the server. */
interface Pool {
  readonly permits: Semaphore.Semaphore
  readonly capacity: number
  unanswered: number
}

const poolOf = (concurrency: number, queueCapacity: number): Pool => ({
  permits: Semaphore.makeUnsafe(concurrency),
  capacity: concurrency + queueCapacity,
  unanswered: 0
})

const everybody = "everybody"

export class RequestServer {
  readonly protocol: RequestProtocol
  readonly #self: string
  readonly #handler: RequestHandler
  readonly #scope: Scope.Scope
  readonly #validators: Role.Validators
  readonly #nowMs: () => number
  readonly #pools: Readonly<Record<Role.Role, Pool>>
  readonly #ofPeer = new Counts<string>()
  readonly #ofBlock = new Counts<string>()
  readonly #perSecond: Rates<string>
  /** Bytes of answers for others: of all, of a block, of a peer. */
  readonly #bytesOfAll: Rates<string>
  readonly #bytesOfPart: Rates<string>

  constructor(
    self: string,
    protocol: RequestProtocol,
    handler: RequestHandler,
    scope: Scope.Scope,
    validators: Role.Validators,
    nowMs: () => number
  ) {
    this.protocol = protocol
    this.#self = self
    this.#handler = handler
    this.#scope = scope
    this.#validators = validators
    this.#nowMs = nowMs
    const others = othersOf(protocol)
    this.#pools = {
      validator: poolOf(protocol.concurrency, protocol.queueCapacity),
      other: poolOf(others.concurrency, others.queueCapacity)
    }
    this.#perSecond = new Rates(protocol.perSecond)
    this.#bytesOfAll = new Rates(others.bytesPerSecond)
    this.#bytesOfPart = new Rates(others.bytesPerSecond / 2)
  }

  /** Takes a share for a request that is about to be read, or says why there is none. A ticket is used once. */
  admit(asker: Asker): Ticket | NetworkErrorReason {
    const { peer } = asker
    const { from, perPeer } = this.protocol
    if (!Role.maySpeak(peer, from, this.#validators)) {
      return new NotAllowed({ peer: this.#self, speakers: Role.describe(from) })
    }
    const taken = (what: ShareTaken["what"]) => new ShareTaken({ peer: this.#self, what })
    const own = this.#ofPeer.of(peer.id)
    if (own >= perPeer) return taken("at a time")
    const nowMs = this.#nowMs()
    // By the key that was proved, so that another name gives no other share.
    if (!this.#perSecond.take(peer.authority ?? peer.id, nowMs)) return taken("per second")
    const role = Role.roleOf(peer, this.#validators)
    const pool = this.#pools[role]
    if (role === "other") {
      if (this.#ofBlock.of(asker.block) >= Math.ceil(pool.capacity / 2)) return taken("of one address block")
      const within =
        this.#bytesOfAll.has(everybody, nowMs) &&
        this.#bytesOfPart.has(asker.block, nowMs) &&
        this.#bytesOfPart.has(peer.id, nowMs)
      if (!within) return taken("per second")
    }
    const isFirst = role === "validator" && own === 0
    if (pool.unanswered >= pool.capacity && !isFirst) return new Overloaded({ peer: this.#self })
    return this.#open(asker, role, pool)
  }

  #open({ block, peer }: Asker, role: Role.Role, pool: Pool): Ticket {
    pool.unanswered++
    this.#ofPeer.add(peer.id)
    if (role === "other") this.#ofBlock.add(block)
    const release = () => {
      pool.unanswered--
      this.#ofPeer.remove(peer.id)
      if (role === "other") this.#ofBlock.remove(block)
    }
    const charge = (answer: Answer) => {
      if (role !== "other" || !Exit.isSuccess(answer)) return
      const nowMs = this.#nowMs()
      this.#bytesOfAll.charge(everybody, answer.value.length, nowMs)
      for (const part of [block, peer.id]) this.#bytesOfPart.charge(part, answer.value.length, nowMs)
    }
    return {
      _tag: "Ticket",
      release,
      handle: (bytes, reply) => this.#handle(peer, pool, bytes, reply, charge, release)
    }
  }

  #handle(
    peer: Peer,
    { permits }: Pool,
    bytes: Uint8Array,
    reply: Reply,
    charge: (answer: Answer) => void,
    release: () => void
  ): Effect.Effect<void> {
    const { maxBytes } = this.protocol
    const answered: Effect.Effect<Answer> =
      bytes.length > maxBytes
        ? Effect.succeed(Exit.fail(new TooLarge({ what: "request", bytes: bytes.length, maxBytes })))
        : permits
            .withPermits(1)(Effect.suspend(() => this.#handler(peer, bytes)))
            .pipe(
              Effect.matchCauseEffect({
                onSuccess: (answer) => Effect.succeed(this.#checked(answer)),
                onFailure: (cause) => this.#refusal(cause)
              })
            )
    return answered.pipe(
      Effect.tap((answer) => Effect.sync(() => charge(answer))),
      Effect.flatMap((answer) => this.answer(reply, answer)),
      Effect.ensuring(Effect.sync(release)),
      Effect.forkIn(this.#scope),
      Effect.asVoid
    )
  }

  /** Counts an answer, and hands it on. */
  answer(reply: Reply, answer: Answer): Effect.Effect<void> {
    const counter = Metric.withAttributes(Metrics.served, {
      protocol: this.protocol.name,
      outcome: outcomeOf(answer)
    })
    return Effect.andThen(Metric.update(counter, 1), reply(answer))
  }

  #checked(answer: Uint8Array): Answer {
    const maxBytes = this.protocol.maxResponseBytes
    return answer.length <= maxBytes
      ? Exit.succeed(answer)
      : Exit.fail(new TooLarge({ what: "response", bytes: answer.length, maxBytes }))
  }

  /** A peer learns why it was refused, but nothing about our defects. */
  #refusal(cause: Cause.Cause<{ readonly why: string }>): Effect.Effect<Answer> {
    const expected = cause.reasons.find(Cause.isFailReason)
    if (expected !== undefined) {
      return Effect.succeed(Exit.fail(new Refused({ peer: this.#self, why: expected.error.why })))
    }
    const answer: Answer = Exit.fail(new Refused({ peer: this.#self, why: "internal error" }))
    return Effect.as(Effect.logError(`handler of ${this.protocol.name} failed`, cause), answer)
  }
}

/** The share that a request has until it is answered, or given up. */
export interface Ticket {
  readonly _tag: "Ticket"
  /** Handles the request in a fiber of the server, hands the answer to `reply`, and gives the share back. */
  readonly handle: (bytes: Uint8Array, reply: Reply) => Effect.Effect<void>
  /** Gives the share back of a request that never came. */
  readonly release: () => void
}

const outcomeOf = (answer: Answer): string => {
  if (Exit.isSuccess(answer)) return "answered"
  const reason = answer.cause.reasons.find(Cause.isFailReason)?.error
  return reason === undefined || reason._tag === "Refused" ? "refused" : reason._tag
}
