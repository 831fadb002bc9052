/**
 * `ephor-node run`, and `check-config`, which says what it would refuse. What they do is loaded when they run.
 */
import { NodeCommand } from "@ephor/cli"
import { environmentOf } from "./Environment.ts"
import { settings } from "./NodeConfig.ts"

const environment = environmentOf()

/** The `run` command. */
export const runCommand = NodeCommand.make("run", settings, {
  description: "Run a node",
  environment,
  load: () => import("./Run.ts").then(({ run }) => run)
})

/** The `check-config` command. */
export const checkConfig = NodeCommand.checkConfig(settings, {
  environment,
  check: () => import("./Prepare.ts").then(({ prepare }) => prepare)
})
