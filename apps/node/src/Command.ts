/**
 * The command tree of `ephor-node`.
 */
import { Command } from "effect/cli"
import { collateCommand } from "./collate/CollateCommand.ts"
import { codec } from "./codec/CodecCommand.ts"
import { devnetCommand } from "./devnet/DevnetCommand.ts"
import { dbCommand } from "./inspect/DbCommand.ts"
import { disputesCommand } from "./inspect/DisputesCommand.ts"
import { governanceCommand } from "./inspect/GovernanceCommand.ts"
import { keyCommand } from "./KeyCommand.ts"
import { observeCommand } from "./observe/ObserveCommand.ts"
import { archiveCommand } from "./observe/ArchiveCommand.ts"
import { relayCommand } from "./observe/RelayCommand.ts"
import { checkConfig, runCommand } from "./RunCommand.ts"

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
