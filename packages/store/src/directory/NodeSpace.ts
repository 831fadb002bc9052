/** The room on the disk of a store. */
import { Duration, Effect, Metric } from "effect"
import { readFileSync, statfsSync, statSync } from "node:fs"
import { join } from "node:path"
import { freeBytes } from "../Metrics.ts"

let longest: number | undefined

/** The longest file that this process may write (`ulimit -f`), where the system tells. It is asked once. */
const longestFileBytes = (): number => {
  if (longest !== undefined) return longest
  try {
    const [, bytes] = /^Max file size\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? []
    longest = bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes)
  } catch {
    longest = Number.POSITIVE_INFINITY
  }
  return longest
}

const bytesOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/**
 * Bytes that this process may still write for the database at a path: what the disk has, and what its file may grow by;
 * plenty where the system does not tell.
 */
export const freeBytesAt = (path: string): number => {
  const growth = longestFileBytes() - bytesOf(join(path, "data.mdb"))
  try {
    const { bavail, bsize } = statfsSync(path)
    return Math.max(Math.min(bavail * bsize, growth), 0)
  } catch {
    return Math.max(growth, 0)
  }
}

const megabytes = (bytes: number) => `${Math.floor(bytes / 1_000_000)} MB`

/** A word of warning while there is little room, by the last look. */
export interface Space {
  readonly problem: () => string | undefined
  /** Looks every `intervalMs`, for ever; warns once each time when the room falls below the bound. */
  readonly watch: Effect.Effect<never>
}

/** Watches the room on the disk of a path. */
export const watchSpace = (path: string, lowBytes: number, intervalMs: number): Space => {
  let problem: string | undefined
  const look = Effect.suspend(() => {
    const free = freeBytesAt(path)
    const before = problem
    problem =
      free < lowBytes
        ? `only ${megabytes(free)} are left on the disk of ${path} (warned below ${megabytes(lowBytes)}): make room`
        : undefined
    return Effect.andThen(
      Number.isFinite(free) ? Metric.update(freeBytes, free) : Effect.void,
      problem !== undefined && before === undefined ? Effect.logWarning(problem) : Effect.void
    )
  })
  return {
    problem: () => problem,
    watch: Effect.forever(Effect.andThen(look, Effect.sleep(Duration.millis(intervalMs))))
  }
}
