/**
 * What the subsystems of a validator keep of their duties, for the manifest of a data directory.
 */
import { Manifest } from "@ephor/store"
import { approvals } from "./approval/ApprovalRecord.ts"
import { ownStatements } from "./statements/OwnStatements.ts"
import { judged, waiting } from "./verdicts/StoredVerdicts.ts"

/** Approvals, own statements, verdicts that wait for a block, and who was judged. */
export const family: Manifest.Family = Manifest.family({
  name: "duties",
  version: 1,
  tables: [approvals, ownStatements, waiting, judged]
})
