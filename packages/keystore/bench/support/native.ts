/** schnorrkel compiled for this machine (`bench/native`), as a peer that takes turns with us. */
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** Verifications per second of its processor time. */
export interface Rates {
  readonly single: number
  readonly batch: number
}

/** A process that measures when it is asked. */
export interface Native {
  readonly measure: () => Promise<Rates>
  readonly close: () => void
}

/** Builds and starts it; nothing where it cannot be built. */
export const startNative = (): Native | undefined => {
  const target = mkdtempSync(join(tmpdir(), "ephor-bench-"))
  try {
    execFileSync("cargo", ["build", "--release", "--locked", "--quiet", "--target-dir", target], {
      cwd: join(import.meta.dirname, "../native"),
      stdio: "ignore"
    })
  } catch {
    rmSync(target, { recursive: true, force: true })
    process.stderr.write("no cargo here that builds bench/native: without native schnorrkel\n")
    return undefined
  }
  const child = spawn(join(target, "release/native"), { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    measure: async () => {
      child.stdin.write("\n")
      const [single = Number.NaN, batch = Number.NaN] = String((await lines.next()).value)
        .split(" ")
        .map(Number)
      return { single, batch }
    },
    close: () => {
      child.stdin.end()
      rmSync(target, { recursive: true, force: true })
    }
  }
}
