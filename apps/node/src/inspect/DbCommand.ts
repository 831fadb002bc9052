/**
 * `ephor-node db`: whether everything that a node has on its disk can be read.
 */
import { Effect } from "effect"
import { Command } from "effect/cli"
import { dataDir, json } from "./Flags.ts"

const check = Command.make("check", { dataDir, json }, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Db.ts")),
    (run) => run.check(given)
  )
).pipe(Command.withDescription("Read everything in the data directory, and say what is damaged"))

/** The `db` command. */
export const dbCommand = Command.make("db").pipe(
  Command.withDescription("Look at the database of a node"),
  Command.withSubcommands([check])
)
