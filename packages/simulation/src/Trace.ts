/**
 * What happened, line by line, and the hash of it: two runs with one hash did the same things at the same times.
 */
import { blake2b256, type Hash } from "@ephor/types"

/** The lines of a run so far. */
export interface Trace {
  readonly lines: ReadonlyArray<string>
  /** Writes a line: virtual time in milliseconds since the start, who, what. */
  readonly say: (timeMs: number, who: string, what: string) => void
  /** BLAKE2b-256 of all lines. */
  readonly hash: () => Hash
}

/** An empty trace. */
export const make = (): Trace => {
  const lines: Array<string> = []
  return {
    lines,
    say: (timeMs, who, what) => void lines.push(`${String(timeMs).padStart(8)} ${who.padEnd(11)} ${what}`),
    hash: () => blake2b256(new TextEncoder().encode(lines.join("\n")))
  }
}

/** A hash as people read it. */
export const short = (hash: string): string => hash.slice(0, 10)
