/**
 * Reads a data directory through, for `ephor-supervisor db`.
 */
import * as NodeCheck from "@ephor/store/NodeCheck"
import { Console, Effect, Schema } from "effect"
import * as DataDirectory from "./DataDirectory.ts"

/** The directory is damaged; the message says how much, and what to do. */
export class DbError extends Schema.TaggedError<DbError>()("DbError", { message: Schema.String }) {}

/** Reads everything; fails with a sentence if a record is damaged. */
export const check = Effect.fn("Db.check")(function* (given: {
  readonly datadir: string
  readonly json: boolean
}) {
  const report = yield* NodeCheck.check(given.datadir, [DataDirectory.supervisor])
  yield* Console.log(given.json ? JSON.stringify(report) : NodeCheck.render(report))
  if (report.damaged > 0) {
    return yield* new DbError({
      message: `${report.damaged} records in ${given.datadir} are damaged: restore the directory from a backup or delete it`
    })
  }
})
