/**
 * How a process that runs validation functions is started: one compiler, a bounded heap, no environment, and what
 * the platform gives of walls.
 */
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"

/** Bounds of a process. */
export interface ProcessLimits {
  /** Heap of JavaScript of each of its two threads, in MiB. */
  readonly heapMiB: number
  /**
   * Stack of the thread that executes, in MiB. 65 536 values in frames of all shapes need less than one: the count
   * decides, not the stack.
   */
  readonly stackMiB: number
  /** Resident memory in MiB; beyond it the process is killed. */
  readonly maxResidentMiB: number
  /** Start of a process, until it answers. */
  readonly startTimeoutMs: number
  /** Pause after a start that failed; doubled each time, up to 32 times of it. */
  readonly restartDelayMs: number
}

/** Defaults of `ProcessLimits`. */
export const defaults: ProcessLimits = {
  heapMiB: 64,
  stackMiB: 16,
  maxResidentMiB: 768,
  startTimeoutMs: 30_000,
  restartDelayMs: 100
}

/**
 * Flags of the engine that decide what a function does. Liftoff alone compiles, and all of a module before it
 * runs: no function is compiled anew while it runs, and compilation is never on the account of an execution.
 * Checks of the stack in every loop and function, by which V8 could interrupt them, are left out: the depth is
 * counted in the code itself, far below what the stack holds, and a process is not interrupted but killed. A loop
 * takes half the time without them.
 */
export const engineFlags: ReadonlyArray<string> = [
  "--liftoff-only",
  "--no-wasm-lazy-compilation",
  "--no-wasm-stack-checks"
]

/** V8 reserves writable address space for the code of each of the two threads; it is counted, but not used. */
const reservedMiB = 2 * 512 + 128

/** The command that starts a process whose code is at `entry`. */
export const command = (entry: URL, limits: ProcessLimits) => {
  const file = fileURLToPath(entry)
  const args = [
    ...engineFlags,
    "--expose-gc",
    "--no-warnings",
    `--max-old-space-size=${limits.heapMiB}`,
    "--v8-pool-size=1",
    "--disallow-code-generation-from-strings",
    "--permission",
    "--allow-worker",
    `--allow-fs-read=${dirname(file)}`,
    file,
    String(limits.heapMiB),
    String(limits.stackMiB)
  ]
  if (process.platform === "win32") return { file: process.execPath, args }
  // Data that may be written, core files, files that may be written, open files; what a shell does not know it leaves out.
  const dataKiB = (limits.maxResidentMiB + limits.stackMiB + reservedMiB) * 1024
  const limit = [`-d ${dataKiB}`, "-c 0", "-f 0", "-n 64"]
    .map((what) => `ulimit ${what} 2>/dev/null`)
    .join("; ")
  return { file: "/bin/sh", args: ["-c", `${limit}; exec "$0" "$@"`, process.execPath, ...args] }
}

/** The environment of a process: none, but what Windows cannot start a process without. */
export const environment = (): Record<string, string> => {
  const root = process.env["SystemRoot"]
  return process.platform === "win32" && root !== undefined ? { SystemRoot: root } : {}
}
