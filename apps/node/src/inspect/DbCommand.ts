/**
 * `ephor-node db`: whether everything that a node has on its disk can be read.
 */
import * as NodeCheck from "@ephor/store/NodeCheck"
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as DataDirectory from "../DataDirectory.ts"
import * as Flags from "./Flags.ts"
import * as NodeData from "./NodeData.ts"

const { dataDir, json } = Flags

const check = Command.make(
  "check",
  { dataDir, json },
  Effect.fn(function* (given) {
    yield* NodeData.checkDirectory(given.dataDir)
    const report = yield* NodeCheck.check(NodeData.storePath(given.dataDir), [
      DataDirectory.node,
      DataDirectory.relay
    ])
    yield* Console.log(given.json ? JSON.stringify(report) : NodeCheck.render(report))
    if (report.damaged > 0) {
      return yield* new Flags.InspectError({
        message: `${report.damaged} records in ${given.dataDir} are damaged: restore the directory from a backup or delete it`
      })
    }
  })
).pipe(Command.withDescription("Read everything in the data directory, and say what is damaged"))

/** The `db` command. */
export const dbCommand = Command.make("db").pipe(
  Command.withDescription("Look at the database of a node"),
  Command.withSubcommands([check])
)
