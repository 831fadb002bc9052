/**
 * Where loose blocks come in, whoever brings them: each is opened, verified, and counted once. Of several publishers the
 * first to bring a block is the one that counts.
 */
import { Elapsed } from "@ephor/types"
import { Effect, Metric, Result } from "effect"
import type { ObservedBlock } from "../BlockVerifier.ts"
import type { CommitDeriver } from "../CommitDeriver.ts"
import * as Metrics from "../Metrics.ts"
import type { Forged } from "../ObserverError.ts"
import type { Inspection } from "./Inspection.ts"
import type { Outbox } from "./Outbox.ts"
import type { Witness } from "./Witness.ts"

/** See the head of the file. */
export class Intake {
  readonly #deriver: CommitDeriver
  readonly #witness: Witness
  readonly #out: Outbox<ObservedBlock>
  /** Loose blocks accepted, and those that came although they were known. */
  readonly counts = { blocks: 0, duplicates: 0 }

  constructor(deriver: CommitDeriver, witness: Witness, out: Outbox<ObservedBlock>) {
    this.#deriver = deriver
    this.#witness = witness
    this.#out = out
  }

  /** Takes blocks; fails with the bad one that is too many, by the inspection of whoever brings them. */
  readonly take = Effect.fnUntraced(
    { self: this },
    function* (this: Intake, blocks: ReadonlyArray<Uint8Array>, inspection: Inspection) {
      const received = blocks.reduce((sum, { length }) => sum + length, 0)
      if (received > 0) yield* Metric.update(Metrics.bytesReceived, received)
      for (const bytes of blocks) {
        const block = inspection.open(bytes)
        if (Result.isFailure(block)) yield* inspection.reject(block.failure)
        else
          yield* Effect.catch(this.#takeBlock(block.success, inspection), (forged) =>
            inspection.reject(forged)
          )
      }
    }
  )

  readonly #takeBlock = Effect.fnUntraced(
    { self: this },
    function* (this: Intake, block: ObservedBlock, inspection: Inspection) {
      if (this.#deriver.knows(block.ref.digest)) {
        this.counts.duplicates++
        // It may have come in a commit, unverified.
        if (!this.#deriver.lacks(block)) return
      } else if (this.#witness.isFull(block.ref)) {
        // Should it matter after all, a commit will bring it.
        return yield* inspection.drop()
      }
      yield* this.verify(block, inspection)
      yield* this.#witness.see(block)
      yield* this.accepted(this.#deriver.addBlock(block, yield* Elapsed.ms))
    }
  )

  /** Checks a block's signature and rules, and counts its votes. */
  verify(block: ObservedBlock, inspection: Inspection): Effect.Effect<void, Forged> {
    return Effect.map(inspection.verify(block), () => this.#deriver.addVotes(block))
  }

  /** Hands over blocks that were accepted. */
  accepted(blocks: ReadonlyArray<ObservedBlock>): Effect.Effect<void> {
    this.counts.blocks += blocks.length
    if (this.#out.attached) this.#out.push(blocks)
    return blocks.length === 0 ? Effect.void : Metric.update(Metrics.blocksAccepted, blocks.length)
  }
}
