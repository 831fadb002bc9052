/** What fits into a block of the transactions that wait. Pure. */
import { BlockBounds } from "@ephor/types"
import { type DevTransaction, encode } from "../DevTransaction.ts"

const logsOf = (transaction: DevTransaction) =>
  transaction._tag === "Emit" ? transaction.value.logs.length : 0

/** Why no block could ever take a transaction, or nothing. */
export const tooLarge = (transaction: DevTransaction): string | undefined => {
  const { length } = encode(transaction)
  if (length > BlockBounds.maxTransactionBytes)
    return `a transaction of ${length} bytes: ${BlockBounds.maxTransactionBytes} are the most`
  const logs = logsOf(transaction)
  return logs > BlockBounds.maxLogs
    ? `a transaction with ${logs} logs: ${BlockBounds.maxLogs} are the most`
    : undefined
}

/** How many of those that wait, from the first on, go into a block beside `inherents`. */
export const fitting = (
  inherents: ReadonlyArray<DevTransaction>,
  waiting: ReadonlyArray<DevTransaction>
): number => {
  let bytes = inherents.reduce((sum, inherent) => sum + encode(inherent).length, 0)
  let logs = 0
  const most = Math.min(waiting.length, BlockBounds.maxTransactions - inherents.length)
  for (let count = 0; count < most; count++) {
    bytes += encode(waiting[count]!).length
    logs += logsOf(waiting[count]!)
    if (bytes > BlockBounds.maxTransactionsBytes || logs > BlockBounds.maxLogs) return count
  }
  return most
}
