/**
 * The command tree of `ephor-node`.
 */
import { Settings } from "@ephor/cli"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { collateCommand } from "./collate/CollateCommand.ts"
import { codec } from "./codec/CodecCommand.ts"
import { devnetCommand } from "./devnet/DevnetCommand.ts"
import { dbCommand } from "./inspect/DbCommand.ts"
import { disputesCommand } from "./inspect/DisputesCommand.ts"
import { governanceCommand } from "./inspect/GovernanceCommand.ts"
import { keyCommand } from "./KeyCommand.ts"
import { settings } from "./NodeConfig.ts"
import { observeCommand } from "./observe/ObserveCommand.ts"
import { archiveCommand } from "./observe/ArchiveCommand.ts"
import { relayCommand } from "./observe/RelayCommand.ts"
import { resolve, runCommand } from "./RunCommand.ts"

const checkConfig = Command.make("check-config", Settings.flags(settings), (flags) =>
  Effect.flatMap(resolve(flags), (config) => Console.log(Settings.render(config)))
).pipe(Command.withDescription("Print the effective settings of run, or say what is wrong with them"))

/** `ephor-node` with all its commands. */
export const command = Command.make("ephor-node").pipe(
  Command.withDescription("Run, watch and inspect Ephor nodes"),
  Command.withSubcommands([
    runCommand,
    devnetCommand,
    observeCommand,
    relayCommand,
    archiveCommand,
    collateCommand,
    disputesCommand,
    governanceCommand,
    dbCommand,
    codec,
    keyCommand,
    checkConfig
  ])
)
