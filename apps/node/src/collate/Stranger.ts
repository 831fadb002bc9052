/**
 * The chain of a committee of processes, and the network between them, as they are to a process that is nobody there: what a
 * collator of one's own stands on.
 */
import * as Retention from "@ephor/chain/Retention"
import * as NodeStore from "@ephor/store/NodeStore"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import * as ChainSpec from "../ChainSpec.ts"
import * as Membership from "../committee/Membership.ts"
import * as NodeNetwork from "../committee/NodeNetwork.ts"
import * as DataDirectory from "../DataDirectory.ts"
import { followedChain } from "../Node.ts"

/** Whom to meet, and where to keep what is learnt. */
export interface Options {
  /** The JSON file with the specification of the chain. */
  readonly chainSpec: string
  /** Addresses of validators: of the one that makes the chain, which is followed, and of those that may back. */
  readonly to: ReadonlyArray<string>
  /** Directory for the chain, and for the key of the network identity. */
  readonly dataDir: string
}

/** Follows the chain and meets the validators. */
export const layer = ({ chainSpec, dataDir, to }: Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const spec = yield* ChainSpec.read(chainSpec)
      yield* DataDirectory.make(dataDir)
      const config = {
        dataDir,
        historyBlocks: Retention.defaults.historyBlocks,
        peer: to,
        listen: [],
        maxPeers: 0,
        maxPeersPerBlock: 0,
        nodeKey: undefined,
        authorKey: [],
        validatorKey: undefined
      }
      const options = { validatorSecret: undefined, makes: false, isNetworked: true }
      const membership = yield* Membership.resolve(spec, options)
      return followedChain(config, spec, membership).pipe(
        Layer.provideMerge(NodeNetwork.layer(config, spec, membership)),
        Layer.provide(NodeStore.layer({ path: join(dataDir, "store"), contents: DataDirectory.node }))
      )
    })
  )
