/**
 * `ephor-node collate`: its settings. What it does is loaded when it runs.
 */
import { NodeCommand, Settings, Telemetry } from "@ephor/cli"
import { environmentOf } from "../Environment.ts"

/** Settings of `collate`. */
export const settings = {
  chainSpec: Settings.path("chain-spec", {
    description: "JSON file with the specification of the committee's chain",
    default: "./chain-spec.json"
  }),
  para: Settings.integer("para", {
    description: "The parachain to collate for; development chains execute an adder for each",
    default: 2000,
    maximum: 0xffff_ffff
  }),
  to: Settings.list("to", {
    description:
      "Addresses of validators, as /ip4/127.0.0.1/tcp/30333: the one that makes the chain, which is followed, and those that may back",
    default: []
  }),
  collatorKey: Settings.path("collator-key", {
    description: "A file with the secret of the collator, or a development key",
    default: "//Collator"
  }),
  dataDir: Settings.path("data-dir", {
    description: "Directory for the chain that is followed, and for the key of the network identity",
    default: "./ephor-collator-data"
  }),
  garbageEvery: Settings.integer("garbage-every", {
    description: "Every how many collations an invalid one is offered, to see what happens then; 0 is never",
    default: 0
  }),
  logFormat: Settings.choice("log-format", Telemetry.logFormats, {
    description: "Form of the logs on stderr",
    default: "auto"
  })
}
/** What was chosen. */
export type Config = Settings.Resolved<typeof settings>

/** The `collate` command. */
export const collateCommand = NodeCommand.make("collate", settings, {
  description: "Collate for a parachain of a committee's chain, as a stranger to its validators",
  environment: environmentOf("COLLATE"),
  load: () => import("./Collate.ts").then(({ collate }) => collate)
})
