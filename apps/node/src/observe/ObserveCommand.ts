/**
 * `ephor-node observe`: its settings. What it does is loaded when it runs.
 */
import { NodeCommand, Settings } from "@ephor/cli"
import { environmentOf } from "../Environment.ts"
import * as Lines from "./Lines.ts"
import * as Publishers from "./Publishers.ts"

/** Settings of `observe`. */
export const settings = {
  ...Publishers.settings,
  verify: Settings.boolean("verify", {
    description: "Check signatures against --committee; so it is unless --trust is given",
    default: false
  }),
  trust: Settings.boolean("trust", {
    description: "Believe the publisher instead of checking signatures",
    default: false
  }),
  fromCommit: Settings.integer("from-commit", {
    description: "Begin after this commit; 0 is the beginning",
    default: 0,
    maximum: 0xffff_ffff
  }),
  cursor: Settings.optionalPath("cursor", {
    description: "File that remembers the last commit printed, and goes before --from-commit"
  }),
  output: Settings.choice("output", Lines.kinds, {
    description:
      "What is printed: commits alone, or their blocks or transactions before each of them, as NDJSON",
    default: "commits"
  }),
  decode: Settings.optionalPath("decode", {
    description:
      "Module that decodes transactions: its default export is a function of bytes, or a schema over them"
  }),
  file: Settings.optionalPath("file", {
    description: "File that NDJSON is appended to, each commit once whatever happens; it is its own cursor"
  }),
  socket: Settings.optionalPath("socket", {
    description: "Unix socket that NDJSON is written to; somebody else listens on it"
  }),
  json: Settings.boolean("json", { description: "Print commits as NDJSON on stdout", default: false })
}
/** What was chosen. */
export type Config = Settings.Resolved<typeof settings>

/** The `observe` command. */
export const observeCommand = NodeCommand.make("observe", settings, {
  description: "Follow the blocks and commits of a node, verified",
  environment: environmentOf("OBSERVE"),
  load: () => import("./Observe.ts").then(({ observe }) => observe)
})
