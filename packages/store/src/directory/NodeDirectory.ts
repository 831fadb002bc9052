import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { join, resolve } from "node:path"

/** Directories that this process holds, so that two layers of one process do not share one. */
const held = new Set<string>()

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** When a process started, in clock ticks since boot, so that a process id that was given anew is told apart. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined // not Linux, or gone
  }
}

const isAlive = (pid: number, start: string | undefined): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false
  }
  return start === undefined || start === "" || startOf(pid) === start
}

const explain = (path: string, error: unknown): Error => {
  const code = codeOf(error)
  if (code === "EACCES" || code === "EPERM")
    return new Error(`no permission to write in ${path}`, { cause: error })
  if (code === "ENOTDIR" || code === "EEXIST")
    return new Error(`${path} is not a directory`, { cause: error })
  if (code === "EROFS") return new Error(`${path} is on a read-only file system`, { cause: error })
  if (code === "ENOSPC") return new Error(`no space left for ${path}`, { cause: error })
  return error instanceof Error ? error : new Error(String(error))
}

/**
 * Takes a directory for this process, making it if it is missing; the returned function gives it back. A lock whose
 * process is gone (SIGKILL) is taken over. Throws an `Error` with a sentence for the operator.
 */
export const lockDirectory = (path: string): (() => void) => {
  const directory = resolve(path)
  const file = join(directory, "process.lock")
  if (held.has(directory)) throw new Error("it is already open in this process")
  try {
    mkdirSync(directory, { recursive: true })
    const mine = `${process.pid} ${startOf(process.pid) ?? ""}\n`
    for (let attempt = 0; ; attempt++) {
      try {
        writeFileSync(file, mine, { flag: "wx" })
        break
      } catch (error) {
        if (codeOf(error) !== "EEXIST" || attempt > 2) throw error
        const [pid, start] = readFileSync(file, "utf8").trim().split(" ")
        const other = Number(pid)
        if (other !== process.pid && Number.isInteger(other) && other > 0 && isAlive(other, start)) {
          throw new Error(`it is in use by process ${other}: stop that one, or use another directory`, {
            cause: error
          })
        }
        rmSync(file, { force: true })
      }
    }
  } catch (error) {
    throw explain(directory, error)
  }
  held.add(directory)
  return () => {
    held.delete(directory)
    rmSync(file, { force: true })
  }
}

const magic = 0xbeefc0de
const metaAt = 24

/** The two meta pages at the head of an LMDB file, as far as they are needed here. */
const readMeta = (page: DataView) => ({
  valid: page.getUint32(metaAt, true) === magic,
  pageSize: page.getUint32(metaAt + 24, true),
  lastPage: page.getBigUint64(metaAt + 120, true),
  transaction: page.getBigUint64(metaAt + 128, true)
})

/**
 * Looks at the data file before it is mapped into memory: LMDB itself trusts it, and the process would die of a file
 * that is no database or that was cut short. Throws an `Error` with a sentence for the operator.
 */
export const checkDataFile = (directory: string): void => {
  const path = join(directory, "data.mdb")
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.size === 0) return
  const advice = "restore the directory from a backup or delete it"
  const read = (at: number): DataView => {
    const bytes = new Uint8Array(160)
    const file = openSync(path, "r")
    try {
      readSync(file, bytes, 0, bytes.length, at)
    } finally {
      closeSync(file)
    }
    return new DataView(bytes.buffer)
  }
  const first = readMeta(read(0))
  if (!stat.isFile() || !first.valid || first.pageSize < 512 || first.pageSize > 65_536) {
    throw new Error(`data.mdb is not a database (its first page is damaged); ${advice}`)
  }
  const second = readMeta(read(first.pageSize))
  if (!second.valid) throw new Error(`data.mdb is damaged (its second page is); ${advice}`)
  const newest = second.transaction > first.transaction ? second : first
  const expected = (newest.lastPage + 1n) * BigInt(first.pageSize)
  if (BigInt(stat.size) < expected) {
    throw new Error(`data.mdb was cut short (${stat.size} of ${expected} bytes are left); ${advice}`)
  }
}
