/**
 * From the receipts of a block to its record in the logs database.
 */
import { Result } from "effect"
import {
  type BlockRef,
  decodeExecutingMessage,
  keccak256Bytes,
  type LogContent,
  type Receipt,
  writeHex
} from "@ephor/types"
import { refuse, show, type Verdict } from "./Fault.ts"
import * as LogsDb from "./LogsDb.ts"

const addressSize = 20
const hashSize = 32
const named = new Uint8Array(addressSize + hashSize)
let said = new Uint8Array(1024)

/**
 * The bytes of `logHash` of `@ephor/types`, at a third of its cost: blocks have many logs. What a log says is read into
 * one buffer that is used again and again.
 */
const logHash = ({ address, data, topics }: LogContent): Uint8Array => {
  const size = topics.length * hashSize + data.length / 2 - 1
  if (size > said.length) said = new Uint8Array(2 * size)
  let at = 0
  for (const topic of topics) at = writeHex(topic, said, at)
  writeHex(data, said, at)
  writeHex(address, named, 0)
  named.set(keccak256Bytes(said.subarray(0, size)), addressSize)
  return keccak256Bytes(named)
}

/**
 * Seals a block with the logs of its receipts on top of the database. Logs must be numbered over the block without
 * gaps; an inbox log that does not decode makes the whole block unusable (`DataCorruption`). A block that does not build
 * on the last one is a `Conflict`, whatever its logs are.
 */
export const sealBlock = (
  db: LogsDb.LogsDb,
  block: BlockRef,
  receipts: ReadonlyArray<Receipt>
): Verdict<LogsDb.SealedBlock> => {
  const fits = LogsDb.seal(db, undefined, block.parentHash, block)
  if (Result.isFailure(fits)) return fits
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
