/**
 * Names of the environment variables: `EPHOR_NODE_...` for `run`, `EPHOR_NODE_OBSERVE_...` for `observe`. Before 0.2 they began
 * with `NODE`, which other programs use for theirs.
 */
import type { NodeCommand } from "@ephor/cli"

/** Of `run`, or of another command by its name in capitals. */
export const environmentOf = (command?: string): Required<NodeCommand.Environment> => {
  const tail = command === undefined ? "" : `_${command}`
  return { prefixes: [`EPHOR_NODE${tail}`], formerPrefixes: [`NODE${tail}`] }
}
