/** How much of its history a node keeps. */
import * as Retention from "@ephor/chain/Retention"
import { Settings } from "@ephor/cli"

/** Below this, states of the runtime and data of candidates would outlive their blocks. */
const fewestBlocks = 256

/** The setting of `run` and of `devnet`. */
export const setting = Settings.integerOr("history-blocks", "archive", {
  description:
    "Final blocks that are kept below the newest one, or archive for all; what is older is deleted in the background",
  default: Retention.defaults.historyBlocks,
  minimum: fewestBlocks
})
