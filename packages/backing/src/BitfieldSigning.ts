/**
 * Bitfield signing: once per leaf, signs for which cores we hold the data of the candidate that occupies them.
 *
 * It signs as soon as nothing is missing, or when its patience ends, with what there is then.
 */
import { type Deferred, Effect, type Layer } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { AvailabilityStore, BitfieldDistribution, BitfieldSigning, Overseer } from "@ephor/overseer"
import { Elapsed, bitfieldPayload, type CandidateHash, type CoreState, type Hash } from "@ephor/types"
import { sessionAt } from "./shared/Session.ts"

/** Times of bitfield signing, in milliseconds. */
export interface Limits {
  /** How long to wait for data that is on its way: Polkadot's delay before signing. */
  readonly patienceMs: number
  /** How often to look. */
  readonly pollMs: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { patienceMs: 1500, pollMs: 50 }

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const runtime = yield* RuntimeApi.RuntimeApi
    const keystore = yield* Keystore.Keystore

    const isHere = (candidateHash: CandidateHash) =>
      AvailabilityStore.ask((reply: Deferred.Deferred<boolean>) => ({
        _tag: "QueryDataAvailability",
        candidateHash,
        reply
      }))

    const bitOf = (core: CoreState) =>
      core._tag === "Occupied" ? isHere(core.value.candidateHash) : Effect.succeed(false)

    const collect = Effect.fnUntraced(function* (cores: ReadonlyArray<CoreState>) {
      const occupied = cores.filter(({ _tag }) => _tag === "Occupied").length
      const started = yield* Elapsed.ms
      while (true) {
        const bits = yield* Effect.forEach(cores, bitOf)
        const held = bits.filter((bit) => bit).length
        if (held === occupied || (yield* Elapsed.ms) - started >= limits.patienceMs) {
          return bits.map((bit) => (bit ? "1" : "0")).join("")
        }
        yield* Effect.sleep(limits.pollMs)
      }
    })

    const sign = Effect.fnUntraced(function* (relayParent: Hash) {
      const { context, own } = yield* sessionAt(runtime, keystore, relayParent)
      const cores = yield* runtime.availabilityCores(relayParent)
      if (own === undefined || cores.length === 0) return
      const payload = yield* collect(cores)
      const signature = yield* keystore.sign(own.key, bitfieldPayload(payload, context))
      yield* BitfieldDistribution.send({
        _tag: "Distribute",
        relayParent,
        bitfield: { payload, validatorIndex: own.index, signature }
      })
    })

    return {
      leaf: ({ hash }: { readonly hash: Hash }) =>
        sign(hash).pipe(
          Effect.catch((error) => Effect.logWarning("no bitfield is signed at this leaf", error.message))
        ),
      message: () => Effect.void
    }
  })

/** Everything bitfield signing needs to run. */
export type Requirements =
  | BitfieldSigning
  | BitfieldDistribution
  | AvailabilityStore
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore

/** Signs availability bitfields. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  BitfieldSigning.toLayer(make({ ...defaults, ...options }))
