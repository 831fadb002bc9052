/**
 * The validators of this process: each one a page of its own over the shared chain, with its own keys, its own part of
 * the store and its own place in the network between them.
 */
import type { Collator } from "@ephor/backing"
import { DevChain, Keystore, Store } from "@ephor/chain"
import { Disputes } from "@ephor/disputes"
import { MemoryNetwork } from "@ephor/network"
import { CandidateSelection, type NewCandidate, Overseer, type OverseerError } from "@ephor/overseer"
import type { ValidatorIndex } from "@ephor/types"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import type { ChainSpec } from "./ChainSpec.ts"
import type { Extension } from "./Extension.ts"
import * as Validator from "./Validator.ts"

/** Shape of the validators. */
export interface Service {
  /** Never succeeds; fails when a subsystem of any validator has ended. */
  readonly join: Effect.Effect<never, OverseerError>
  /** Takes a collator's candidate to the candidate selection of a validator. */
  readonly offer: (target: Collator.Target, candidate: NewCandidate) => Effect.Effect<void>
}

/** The validators of this process. */
export class Validators extends Context.Service<Validators, Service>()("@ephor/node/Validators") {}

/** Pause between two tries to tell a validator of the same process about a dispute. */
const disputeRetryDelayMs = 1000

const build = Effect.fnUntraced(function* (spec: ChainSpec, extension: Extension, index: ValidatorIndex) {
  const secret = Redacted.make(spec.validators[index]!)
  const keys = Keystore.layerSr25519({ secrets: [secret] })
  const peer = Layer.unwrap(
    Effect.map(Keystore.Keystore, ({ publicKeys }) =>
      MemoryNetwork.layerPeer({ peer: `validator-${index}`, authority: publicKeys[0]! })
    )
  )
  const faulty = spec.faultyValidators.includes(index)
  const layer = Validator.layer({ author: index, faulty, disputeRetryDelayMs }, extension).pipe(
    Layer.provide(peer),
    Layer.provide([keys, Store.layerPrefixed(`validator/${index}/`)])
  )
  // Fresh: the layers of two validators are the same constants, but must not share what they build.
  return yield* Layer.build(Layer.fresh(layer)).pipe(Effect.annotateLogs({ validator: index }))
})

/** Builds every validator of the specification; their verdicts go to one hub. */
export const layer = (spec: ChainSpec, extension: Extension) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const hub = yield* Disputes.Disputes
      const devChain = yield* DevChain.DevChain
      const built = yield* Effect.forEach(spec.validators, (_, index) => build(spec, extension, index))
      for (const context of built) {
        const { conclusions } = Context.get(context, Disputes.Disputes)
        yield* conclusions.pipe(
          Stream.tap((conclusion) =>
            conclusion.valid
              ? Effect.void
              : Effect.ignore(devChain.reject(conclusion.candidateHash), { log: "Warn" })
          ),
          Stream.runForEach(hub.conclude),
          Effect.forkScoped({ startImmediately: true })
        )
      }
      const joins = built.map((context) => Context.get(context, Overseer.Overseer).join)
      return Context.make(Validators, {
        join: Effect.raceAllFirst(joins),
        offer: (target, candidate) => {
          const context = built[target.index]
          return context === undefined
            ? Effect.void
            : Context.get(context, CandidateSelection).send(candidate)
        }
      })
    })
  )
