/**
 * What a run knows to be true: which candidates are garbage, what was final, what was concluded and observed. Facts are
 * told to it; what contradicts them is the violation.
 */
import { Chain, type ChainEvent, RuntimeApi } from "@ephor/chain"
import { type Disputes, VotesDb } from "@ephor/disputes"
import {
  type BlockRef,
  type CandidateHash,
  candidateHash,
  type Hash,
  type ValidatorIndex
} from "@ephor/types"
import { Context, Effect, Option } from "effect"
import * as Invariants from "./Invariants.ts"
import type { Machine } from "./Machine.ts"
import { short } from "./Trace.ts"

/** Totals of a run. */
export interface Totals {
  readonly imported: number
  readonly reverted: number
  readonly replaced: number
  readonly included: number
  readonly concluded: number
  readonly observed: number
  readonly finalized: number
}

/** The facts of a run. */
export class Ledger {
  /** The first violation; the run ends with it. */
  violation: Invariants.Violation | undefined
  readonly #honest: (validator: ValidatorIndex) => boolean
  readonly #garbage = new Set<CandidateHash>()
  readonly #final = new Map<number, Hash>()
  /** Digests of commits by the hash of their block. */
  readonly #digests = new Map<Hash, Hash>()
  readonly #verdicts = new Map<CandidateHash, boolean>()
  readonly #included = new Set<CandidateHash>()
  #finalSeen = 0
  #observed = 0
  #imported = 0
  #reverted = 0
  #replaced = 0

  constructor(honest: (validator: ValidatorIndex) => boolean) {
    this.#honest = honest
  }

  /** Takes note of what is wrong, if anything. */
  judge(invariant: Invariants.Invariant, message: string | undefined): void {
    if (message !== undefined) this.violation ??= { invariant, message }
  }

  /** A collator made a candidate that the validation function contradicts. */
  garbage(candidate: CandidateHash): void {
    this.#garbage.add(candidate)
  }

  /** Something happened to the chain. */
  event(event: ChainEvent): void {
    this.judge("finality", Invariants.finalityOf(this.#finalSeen, event))
    if (event._tag === "Promoted" && event.level === "Finalized") this.#finalSeen = event.block.number
    if (event._tag === "Imported") this.#imported++
    if (event._tag === "Reverted") this.#reverted += event.removed.length
    if (event._tag === "Replaced") this.#replaced++
  }

  /** A validator concluded a dispute; true if nobody had before. */
  concluded({ candidateHash: candidate, valid }: Disputes.DisputeConclusion): boolean {
    const before = this.#verdicts.get(candidate)
    const garbage = this.#garbage.has(candidate)
    this.judge("verdict", Invariants.verdict(candidate, valid, { garbage, before }))
    this.#verdicts.set(candidate, valid)
    return before === undefined
  }

  /** An observer was handed a commit. */
  observed(index: number, digest: Hash | undefined): void {
    const final = this.#final.get(index)
    const expected = final === undefined ? undefined : this.#digests.get(final)
    this.judge("observer", Invariants.observed(this.#observed, { index, digest }, expected))
    this.#observed = index
  }

  /** What happened so far. */
  totals(): Totals {
    return {
      imported: this.#imported,
      reverted: this.#reverted,
      replaced: this.#replaced,
      included: this.#included.size,
      concluded: this.#verdicts.size,
      observed: this.#observed,
      finalized: Math.max(0, ...this.#final.keys())
    }
  }

  /** Looks at a machine that is up, and compares. */
  survey(machine: Machine): Effect.Effect<void> {
    return Effect.andThen(this.#surveyChain(machine), this.#surveyVotes(machine)).pipe(
      Effect.catch((error) => Effect.sync(() => this.judge("alive", error.message)))
    )
  }

  #surveyChain(machine: Machine) {
    return Effect.gen({ self: this }, function* () {
      const chain = Context.get(machine.ground, Chain.Chain)
      const heads = yield* chain.heads
      this.judge("ladder", Invariants.ladder(Chain.headIds(heads)))
      const highest = Math.max(-1, ...this.#final.keys())
      const there = highest < 0 ? Option.none() : yield* chain.block(highest)
      const at = () => Option.getOrUndefined(Option.map(there, ({ hash }) => hash))
      this.judge("finality", Invariants.finality(this.#final, { finalized: heads.finalized.number, at }))
      for (let height = chain.anchor.derived.number; height <= heads.localUnsafe.number; height++) {
        const block = Option.getOrThrow(yield* chain.block(height))
        if (!this.#digests.has(block.hash)) yield* this.#surveyCommit(chain, block)
        if (height > highest && height <= heads.finalized.number) {
          this.#final.set(height, block.hash)
          yield* this.#surveyInclusion(machine, block)
        }
      }
    })
  }

  #surveyCommit(chain: Chain.Service, block: BlockRef) {
    return Effect.gen({ self: this }, function* () {
      // The chain's first block is nobody's commit.
      if (block.hash === chain.anchor.derived.hash) return
      const { body } = yield* chain.content(block.hash)
      const found = Invariants.commitOf(block, body, this.#digests.get(block.parentHash))
      if (typeof found === "string") this.judge("commits", found)
      else this.#digests.set(block.hash, found.digest)
    })
  }

  /** Candidates that a final block includes. */
  #surveyInclusion(machine: Machine, block: BlockRef) {
    return Effect.gen({ self: this }, function* () {
      const runtime = Context.get(machine.ground, RuntimeApi.RuntimeApi)
      for (const event of yield* runtime.candidateEvents(block.hash)) {
        if (event._tag !== "CandidateIncluded") continue
        const candidate = candidateHash(event.value[0])
        this.#included.add(candidate)
        this.judge(
          "validity",
          this.#garbage.has(candidate)
            ? `final block #${block.number} includes the invalid candidate ${short(candidate)}`
            : undefined
        )
      }
    })
  }

  #surveyVotes(machine: Machine) {
    return Effect.forEach(
      machine.validators.flatMap((running) => (running === undefined ? [] : [running])),
      Effect.fnUntraced({ self: this }, function* ({ parts }) {
        const db = Context.get(parts, VotesDb.VotesDb)
        for (const { candidateHash: candidate, session } of yield* db.recentDisputes) {
          const record = yield* db.votes(session, candidate)
          if (Option.isSome(record))
            this.judge("votes", Invariants.votes(candidate, record.value, this.#honest))
        }
      }),
      { discard: true }
    )
  }
}
