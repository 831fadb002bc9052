/**
 * No Effect: promises, `for await`, and one runtime that owns what was started. Runs a development chain in this
 * process, sends it a transaction and waits for the block that carries it.
 */
import { Chain } from "@ephor/chain"
import { DevChain, DevTransaction } from "@ephor/devchain"
import { Store } from "@ephor/store"
import { Layer, ManagedRuntime, Stream } from "effect"

// What to run, put together from layers: exchange `Store.layerMemory` for `NodeStore.layer({ path })` to keep it.
const runtime = ManagedRuntime.make(
  DevChain.layer({ chainId: "901", genesisTime: Math.floor(Date.now() / 1000), blockTimeMs: 200 }).pipe(
    Layer.provide(Store.layerMemory)
  )
)

// A service is a record of functions; whatever they return runs with `runPromise`.
const chain = await runtime.runPromise(Chain.Chain)
const { submit } = await runtime.runPromise(DevChain.DevChain)

const contract = `0x${"ca".repeat(20)}` as const
await runtime.runPromise(submit(DevTransaction.emit(contract, [`0x${"01".repeat(32)}`], "0x2a")))

for await (const event of Stream.toAsyncIterable(chain.events)) {
  if (event._tag !== "Imported") continue
  const { receipts } = await runtime.runPromise(chain.content(event.block.hash))
  const log = receipts.flatMap(({ logs }) => logs).find(({ address }) => address === contract)
  console.log(`block ${event.block.number} ${event.block.hash}`, log === undefined ? "" : `logs ${log.data}`)
  if (log !== undefined) break
}

// Failures are rejections, with the package's tagged error as the reason.
await runtime
  .runPromise(chain.content(`0x${"00".repeat(32)}`))
  .catch((error: Error) => console.log(error.message))

// Stops the chain and closes its store.
await runtime.dispose()
