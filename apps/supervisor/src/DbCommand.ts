/**
 * `ephor-supervisor db`: whether everything that a supervisor has on its disk can be read.
 */
import * as NodeCheck from "@ephor/store/NodeCheck"
import { Config, Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as DataDirectory from "./DataDirectory.ts"
import { environmentPrefixes } from "./SupervisorConfig.ts"

/** The directory is damaged; the message says how much, and what to do. */
export class DbError extends Schema.TaggedError<DbError>()("DbError", { message: Schema.String }) {}

const datadir = Flag.String("datadir").pipe(
  Flag.withAlias("data-dir"),
  Flag.withDescription("Directory of the supervisor, which may be running"),
  Flag.withFallbackConfig(Config.String(`${environmentPrefixes[0]}_DATADIR`))
)
const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one line of JSON"),
  Flag.withDefault(false)
)

const check = Command.make(
  "check",
  { datadir, json },
  Effect.fn(function* (given) {
    const report = yield* NodeCheck.check(given.datadir, [DataDirectory.supervisor])
    yield* Console.log(given.json ? JSON.stringify(report) : NodeCheck.render(report))
    if (report.damaged > 0) {
      return yield* new DbError({
        message: `${report.damaged} records in ${given.datadir} are damaged: restore the directory from a backup or delete it`
      })
    }
  })
).pipe(Command.withDescription("Read everything in the data directory, and say what is damaged"))

/** The `db` command. */
export const dbCommand = Command.make("db").pipe(
  Command.withDescription("Look at the database of a supervisor"),
  Command.withSubcommands([check])
)
