/** A chain of a devnet, as the devnet sees it. */
import type { ManagedNode } from "@ephor/supervisor-protocol"
import type { ChainId, DerivedBlockRefPair, LogContent } from "@ephor/types"
import type { Effect } from "effect"
import type { Validator } from "./Committee.ts"
import type * as Execution from "./Execution.ts"
import type * as Children from "./NodeChildren.ts"

/** A chain of the devnet with its node. */
export interface DevnetChain {
  readonly chainId: ChainId
  readonly child: Children.Child
  /** The processes of the other validators, where they are processes. */
  readonly validators: ReadonlyArray<Validator>
  readonly node: ManagedNode.Service
  readonly adminUrl: string
  readonly interopUrl: string
  readonly streamUrl: string
  readonly dataDir: string
  readonly anchor: DerivedBlockRefPair
  readonly emit: (log: LogContent) => Effect.Effect<void, Execution.ExecutionError>
}
