/**
 * Bounds of a block that whoever makes one keeps to, and everybody who takes one allows. They leave room beside Sui's (512
 * transactions of 256 KiB, 512 KiB together), because blocks of this house also carry inherents.
 */

/** Bytes of a signed DAG block. */
export const maxBlockBytes = 4 * 1024 * 1024

/** Transactions of a DAG block. */
export const maxTransactions = 1024

/** Bytes of one transaction. */
export const maxTransactionBytes = 1024 * 1024

/** Bytes of all transactions of a DAG block. */
export const maxTransactionsBytes = 2 * 1024 * 1024

/** Logs that the transactions of a DAG block emit: as JSON a log is many times as long as in a transaction. */
export const maxLogs = 8192

/**
 * Bytes of the longest message about a block, such as its receipts as JSON. A block may bring in what overtaken rounds
 * hold, too, so there is room for two full rounds at least.
 */
export const maxMessageBytes = 32 * 1024 * 1024
