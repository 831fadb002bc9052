/**
 * The command tree of `ephor-node`.
 */
import { Settings } from "@ephor/cli"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { codec } from "./codec/CodecCommand.ts"
import { environmentPrefix, settings } from "./NodeConfig.ts"

/** Resolves the settings of `run` from all sources. */
const resolve = (flags: { readonly [name: string]: ReadonlyArray<string> }) =>
  Settings.resolve(settings, { flags, environment: process.env, prefixes: [environmentPrefix] })

const checkConfig = Command.make("check-config", Settings.flags(settings), (flags) =>
  Effect.flatMap(resolve(flags), (config) => Console.log(Settings.render(config)))
).pipe(Command.withDescription("Print the effective settings of run, or say what is wrong with them"))

/** `ephor-node` with all its commands. */
export const command = Command.make("ephor-node").pipe(
  Command.withDescription("Run, watch and inspect Ephor nodes"),
  Command.withSubcommands([codec, checkConfig])
)
