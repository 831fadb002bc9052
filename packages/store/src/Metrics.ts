/**
 * What stores count.
 */
import { Metric } from "effect"

/** Time from a batch to its being on disk. */
export const batchDuration = Metric.timer("store_batch_duration", {
  description: "Time until a batch of writes was acknowledged as durable"
})

/** Records that were brought to another version when a directory was opened. */
export const migratedRecords = Metric.counter("store_migrated_records", {
  description: "Records that were migrated when a data directory was opened",
  incremental: true
})

/** Records whose checksum was wrong when they were read. */
export const damagedRecords = Metric.counter("store_damaged_records", {
  description: "Records whose checksum was wrong when they were read",
  incremental: true
})

/** Room on the disk of a store. */
export const freeBytes = Metric.gauge("store_free_bytes", {
  description: "Bytes that are free for this process on the disk of its store"
})
