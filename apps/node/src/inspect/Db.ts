/**
 * Reads a data directory through, for `ephor-node db`.
 */
import * as NodeCheck from "@ephor/store/NodeCheck"
import { Console, Effect } from "effect"
import * as DataDirectory from "../DataDirectory.ts"
import * as Flags from "./Flags.ts"
import * as NodeData from "./NodeData.ts"

/** Reads everything; fails with a sentence if a record is damaged. */
export const check = Effect.fn("Db.check")(function* (given: {
  readonly dataDir: string
  readonly json: boolean
}) {
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
