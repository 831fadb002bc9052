/**
 * From the receipts of a block to its record in the logs database.
 */
import { Result } from "effect"
import { type BlockRef, decodeExecutingMessage, logHash, type Receipt } from "@ephor/types"
import { refuse, show, type Verdict } from "./Fault.ts"
import * as LogsDb from "./LogsDb.ts"

/**
 * Seals a block with the logs of its receipts on top of the database. Logs must be numbered over the block without
 * gaps; an inbox log that does not decode makes the whole block unusable (`DataCorruption`).
 */
export const sealBlock = (
  db: LogsDb.LogsDb,
  block: BlockRef,
  receipts: ReadonlyArray<Receipt>
): Verdict<LogsDb.SealedBlock> => {
  const parent = { hash: block.parentHash, number: block.number - 1 }
  let open: LogsDb.OpenLogs | undefined
  for (const { logs } of receipts) {
    for (const log of logs) {
      const message = decodeExecutingMessage(log)
      if (Result.isFailure(message)) {
        return refuse(
          "DataCorruption",
          `log ${log.logIndex} of block ${show(block)}: ${message.failure.message}`
        )
      }
      const query = message.success === undefined ? undefined : LogsDb.queryOfMessage(message.success)
      const added = LogsDb.addLog(db, open, parent, log.logIndex, logHash(log), query)
      if (Result.isFailure(added)) return Result.fail(added.failure)
      open = added.success
    }
  }
  return LogsDb.seal(db, open, block.parentHash, block)
}
