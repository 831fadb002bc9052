/**
 * `ephor-node run`, and `check-config`, which says what it would refuse. What they do is loaded when they run.
 */
import { NodeCommand, NodeOtlp } from "@ephor/cli"
import { Layer } from "effect"
import { environmentOf } from "./Environment.ts"
import { type NodeConfig, settings } from "./NodeConfig.ts"
import { version } from "./version.ts"

const environment = environmentOf()

/** The `run` command. */
export const runCommand = NodeCommand.make("run", settings, {
  description: "Run a node",
  environment,
  telemetry: (config: NodeConfig) =>
    Layer.merge(
      NodeCommand.byFormat(config),
      NodeOtlp.layer(config.otlpEndpoint, { name: "ephor-node", version })
    ),
  load: () => import("./Run.ts").then(({ run }) => run)
})

/** The `check-config` command. */
export const checkConfig = NodeCommand.checkConfig(settings, {
  environment,
  check: () => import("./Prepare.ts").then(({ prepare }) => prepare)
})
