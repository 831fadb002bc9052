/**
 * `ephor-node run`: its settings. What it does is loaded when it runs.
 */
import { NodeCommand } from "@ephor/cli"
import { environmentPrefix, settings } from "./NodeConfig.ts"

const prefixes = [environmentPrefix]

/** Resolves the settings of `run` from all sources. */
export const resolve = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  NodeCommand.resolve(settings, prefixes, flags)

/** The `run` command. */
export const runCommand = NodeCommand.make("run", settings, {
  description: "Run a node",
  prefixes,
  load: () => import("./Run.ts").then(({ run }) => run)
})
