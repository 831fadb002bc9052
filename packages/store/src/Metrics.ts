/**
 * What stores count.
 */
import { Metric } from "effect"

/** Time from a batch to its being on disk. */
export const batchDuration = Metric.histogram("store_batch_duration_seconds", {
  description: "Seconds until a batch of writes was acknowledged as durable",
  boundaries: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
})

/** Records that were brought to another version when a directory was opened. */
export const migratedRecords = Metric.counter("store_migrated_records_total", {
  description: "Records that were migrated when a data directory was opened",
  incremental: true
})

/** Records whose checksum was wrong when they were read. */
export const damagedRecords = Metric.counter("store_damaged_records_total", {
  description: "Records whose checksum was wrong when they were read",
  incremental: true
})

/** Room on the disk of a store. */
export const freeBytes = Metric.gauge("store_free_bytes", {
  description: "Bytes that are free for this process on the disk of its store"
})
