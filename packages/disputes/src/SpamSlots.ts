/**
 * How many unconfirmed disputes of unknown candidates a validator may raise per session.
 */
import type { CandidateHash, SessionIndex, ValidatorIndex } from "@ephor/types"

/** Unconfirmed disputes that one validator may have open in one session. */
export const maxPerValidator = 50

/** The charges of each validator. Changed in place: it belongs to one coordinator. */
export class SpamSlots {
  readonly #limit: number
  readonly #slots = new Map<SessionIndex, Map<ValidatorIndex, Set<CandidateHash>>>()

  constructor(limit: number = maxPerValidator) {
    this.#limit = limit
  }

  /**
   * Charges a validator for a candidate. False when its slots are full, even for a candidate already charged: a full
   * validator is not listened to until something is cleared.
   */
  add(session: SessionIndex, candidate: CandidateHash, validator: ValidatorIndex): boolean {
    const validators = this.#slots.get(session) ?? new Map<ValidatorIndex, Set<CandidateHash>>()
    this.#slots.set(session, validators)
    const candidates = validators.get(validator) ?? new Set<CandidateHash>()
    validators.set(validator, candidates)
    if (candidates.size >= this.#limit) return false
    candidates.add(candidate)
    return true
  }

  /** Charges in all sessions. */
  get size(): number {
    let size = 0
    for (const validators of this.#slots.values())
      for (const candidates of validators.values()) size += candidates.size
    return size
  }

  /** Gives back every charge for a candidate: it was confirmed, included or backed. */
  clear(session: SessionIndex, candidate: CandidateHash): void {
    for (const candidates of this.#slots.get(session)?.values() ?? []) candidates.delete(candidate)
  }

  /** Forgets sessions below `oldest`. */
  prune(oldest: SessionIndex): void {
    for (const session of this.#slots.keys()) if (session < oldest) this.#slots.delete(session)
  }
}
