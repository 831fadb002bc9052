/** What a devnet is made of. */
import type * as Retention from "@ephor/chain/Retention"
import type { ChainId } from "@ephor/types"
import type * as ChainSpec from "../ChainSpec.ts"

/** What a devnet is made of. */
export interface Options {
  /** Where everything lies; the same folder goes on where it was. */
  readonly dataDir: string
  readonly execution: "dev" | "anvil"
  /** Each validator is a process of its own. */
  readonly processes: boolean
  readonly chainIds: ReadonlyArray<ChainId>
  /** Who validates on each chain. */
  readonly committee: ChainSpec.Committee
  /** Blocks of a session. */
  readonly sessionBlocks: number
  /** What every chain keeps of its history, the L1 included. */
  readonly historyBlocks: Retention.HistoryBlocks
  /** Candidates between two invalid ones; 0 is never. */
  readonly garbageEvery: number
}
