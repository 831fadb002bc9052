/** The room on the disk of a store. */
import { Duration, Effect, Metric } from "effect"
import { statfsSync } from "node:fs"
import { freeBytes } from "../Metrics.ts"

/** Bytes that this process may still write on the disk of a path; plenty where the system does not tell. */
export const freeBytesAt = (path: string): number => {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch {
    return Number.POSITIVE_INFINITY
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
