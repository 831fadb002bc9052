/**
 * The development collator of a node: offers a candidate at every block, and now and then a bad one to a faulty group.
 */
import { type Collating, Collator } from "@ephor/backing"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import type { Hash, ParaId } from "@ephor/types"
import { Effect, Layer, Redacted, type Scope, Stream } from "effect"
import type { ChainSpec } from "./ChainSpec.ts"
import { GarbageOrders } from "./GarbageOrders.ts"
import type { NodeConfig } from "./NodeConfig.ts"
import { Validators } from "./Validators.ts"

/** Takes a candidate to a validator. */
export type Offer = Collator.Options["offer"]

/**
 * Collates for every parachain of the specification but those of others. `garbageEvery`: candidates of a parachain between
 * two bad ones; 0 is never. `offerElsewhere` takes candidates to the validators that are not in this process.
 */
export const layer = <E = never, R = never>(
  spec: ChainSpec,
  { garbageEvery, outsideParas }: Pick<NodeConfig, "garbageEvery" | "outsideParas">,
  offerElsewhere: (
    options: Collating.Options
  ) => Effect.Effect<Offer, E, R | Keystore.Keystore | Scope.Scope> = () => Effect.succeed(() => Effect.void)
) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const runtime = yield* RuntimeApi.RuntimeApi
      const keystore = yield* Keystore.Keystore
      const validators = yield* Validators
      const orders = yield* GarbageOrders
      const collator = keystore.publicKeys[0]!
      const paras = spec.paras.filter((paraId) => !outsideParas.includes(String(paraId)))
      const elsewhere = yield* offerElsewhere({ collator, paras })
      const offer: Offer = (target, candidate, parentHead) =>
        Effect.andThen(validators.offer(target, candidate), elsewhere(target, candidate, parentHead))
      const faulty = new Set(spec.faultyValidators)
      const sinceGarbage = new Map<ParaId, number>()
      const collate = Effect.fnUntraced(function* (relayParent: Hash, paraId: ParaId) {
        const targets = yield* Collator.targets(runtime, relayParent, paraId)
        const isTurn = targets.length > 0 && targets.every(({ index }) => faulty.has(index))
        const isDue = garbageEvery > 0 && (sinceGarbage.get(paraId) ?? 0) >= garbageEvery
        const garbage = isTurn && ((yield* orders.take) || isDue)
        const options = { paraId, collator, offer }
        const offered = yield* Collator.collateAt(options, { runtime, keystore }, relayParent, garbage)
        if (offered === undefined) return
        sinceGarbage.set(paraId, garbage ? 0 : (sinceGarbage.get(paraId) ?? 0) + 1)
        if (garbage)
          yield* Effect.logInfo("the collator offers an invalid candidate", { paraId, relayParent })
      })
      const onBlock = (relayParent: Hash) =>
        Effect.forEach(paras, (paraId) => collate(relayParent, paraId), { discard: true }).pipe(
          Effect.catch((error) =>
            Effect.logWarning("no candidate for this block", { relayParent, why: error.message })
          )
        )
      yield* chain.events.pipe(
        Stream.runForEach((event) => (event._tag === "Imported" ? onBlock(event.block.hash) : Effect.void)),
        Effect.forkScoped({ startImmediately: true })
      )
    })
  ).pipe(Layer.provide(Keystore.layerSr25519({ secrets: [Redacted.make(spec.collator)] })))
