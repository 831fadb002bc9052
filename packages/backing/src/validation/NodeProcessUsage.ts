/** How much processor and memory another process uses, as the platform tells it. */
import { readFileSync } from "node:fs"

/** CPU time and resident memory of a process. */
export interface ProcessUsage {
  readonly cpuMs: number
  readonly residentBytes: number
}

/** Linux counts in hundredths of a second towards programs, whatever its own clock. */
const tickMs = 10

/** Reads `/proc`; `undefined` where there is none, or the process is gone. Takes some 50 microseconds. */
export const read = (pid: number): ProcessUsage | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name of the program comes in parentheses and may hold anything; the 14th and 15th fields are counted from there.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const resident = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
      residentBytes: resident === null ? 0 : Number(resident[1]) * 1024
    }
  } catch {
    return undefined
  }
}
