/**
 * Validators that lost a dispute, and are not listened to before the chain has disabled them: their word alone opens no
 * dispute any more (dispute-coordinator of today, "Disabling").
 */
import type { SessionIndex, ValidatorIndex } from "@ephor/types"

/** What a validator did, the worst first: backed an invalid candidate, called it valid, called a valid one invalid. */
export type Offence = "backedInvalid" | "forInvalid" | "againstValid"

const order: ReadonlyArray<Offence> = ["backedInvalid", "forInvalid", "againstValid"]

/** The losers of each session. Changed in place: it belongs to one coordinator. */
export class OffchainDisabled {
  readonly #sessions = new Map<SessionIndex, Record<Offence, Array<ValidatorIndex>>>()

  /** Notes an offence. Doing it again changes nothing. */
  add(session: SessionIndex, offence: Offence, validator: ValidatorIndex): void {
    const lists = this.#sessions.get(session) ?? { backedInvalid: [], forInvalid: [], againstValid: [] }
    this.#sessions.set(session, lists)
    if (!lists[offence].includes(validator)) lists[offence].unshift(validator)
  }

  /**
   * Who is disabled: those that the chain names first, then the worst and latest offenders, each once and not more than
   * `limit` in all, so that mistakes can never silence an honest majority.
   */
  disabled(
    session: SessionIndex,
    onChain: ReadonlyArray<ValidatorIndex>,
    limit: number
  ): ReadonlySet<ValidatorIndex> {
    const lists = this.#sessions.get(session)
    const offChain = lists === undefined ? [] : order.flatMap((offence) => lists[offence])
    return new Set([...new Set([...onChain, ...offChain])].slice(0, limit))
  }

  /** Forgets sessions below `oldest`. */
  prune(oldest: SessionIndex): void {
    for (const session of this.#sessions.keys()) if (session < oldest) this.#sessions.delete(session)
  }
}
