/**
 * `ephor-supervisor db`: whether everything that a supervisor has on its disk can be read.
 */
import { Config, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { environmentPrefixes, formerEnvironmentPrefixes } from "./SupervisorConfig.ts"

const datadir = Flag.String("datadir").pipe(
  Flag.withAlias("data-dir"),
  Flag.withDescription("Directory of the supervisor, which may be running"),
  Flag.withFallbackConfig(
    [...environmentPrefixes, ...formerEnvironmentPrefixes]
      .map((prefix) => Config.String(`${prefix}_DATADIR`))
      .reduce((first, next) => Config.orElse(first, () => next))
  )
)
const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one line of JSON"),
  Flag.withDefault(false)
)

const check = Command.make("check", { datadir, json }, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Db.ts")),
    (run) => run.check(given)
  )
).pipe(Command.withDescription("Read everything in the data directory, and say what is damaged"))

/** The `db` command. */
export const dbCommand = Command.make("db").pipe(
  Command.withDescription("Look at the database of a supervisor"),
  Command.withSubcommands([check])
)
