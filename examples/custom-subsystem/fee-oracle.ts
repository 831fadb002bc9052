/**
 * A subsystem of your own: watches how full blocks are and answers what a transaction should pay.
 * Load it with `ephor-node run --dev --extend ./fee-oracle.ts`.
 */
import { Chain } from "@ephor/chain"
import { Extension } from "@ephor/node"
import { Overseer, Subsystem } from "@ephor/overseer"
import { Deferred, Effect, Layer, Schedule } from "effect"

type FeeMessage =
  | { readonly _tag: "Seen"; readonly number: number; readonly calls: number }
  | { readonly _tag: "Suggest"; readonly reply: Deferred.Deferred<number> }

/** The address: it exists before anybody reads it, and its messages are typed. */
class FeeOracle extends Subsystem.Service<FeeOracle, FeeMessage>()("acme/FeeOracle", { capacity: 64 }) {}

const window = 16
const baseFee = 10
const feePerCall = 2

const FeeOracleLive = FeeOracle.toLayer(
  Effect.gen(function* () {
    const chain = yield* Chain.Chain
    const seen: Array<number> = []
    return {
      // Runs once for every new head of the chain, and is interrupted when the head is left.
      leaf: ({ hash, number }) =>
        chain.content(hash).pipe(
          Effect.flatMap(({ receipts }) => FeeOracle.send({ _tag: "Seen", number, calls: receipts.length })),
          Effect.catch((error) => Effect.logWarning(`no content for block ${number}: ${error.message}`))
        ),
      message: FeeOracle.match({
        Seen: ({ calls }) =>
          Effect.sync(() => {
            seen.push(calls)
            if (seen.length > window) seen.shift()
          }),
        Suggest: ({ reply }) => {
          const average = seen.reduce((sum, calls) => sum + calls, 0) / Math.max(1, seen.length)
          return Deferred.succeed(reply, baseFee + Math.ceil(average * feePerCall))
        }
      })
    }
  })
)

/** Somebody who asks: every second the suggestion appears in the log of the node. */
const Reporter = Layer.effectDiscard(
  Effect.gen(function* () {
    const overseer = yield* Overseer.Overseer
    const fee = yield* FeeOracle.ask<number>((reply) => ({ _tag: "Suggest", reply }))
    const leaf = (yield* overseer.leaves).at(-1)
    yield* Effect.logInfo("fee oracle", { fee, block: leaf?.number })
  }).pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)
)

export default Extension.make({
  subsystems: [FeeOracle],
  layer: Layer.mergeAll(FeeOracleLive, Reporter)
})
