/**
 * Who a directory belongs to. The owner is written in the lock file of the highest number, `process-N.lock`; whoever wants
 * the directory puts a file of the next number there, which only one can (`link` fails for all others).
 *
 * No file is ever taken away but by the owner of a higher one, so that the highest is always there: a process that was
 * slow, and whose number is meanwhile behind, sees that when it looks once more, and has lost. A file that stands when its
 * owner is gone (SIGKILL) is passed over; giving a directory back replaces the file by one that names nobody.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync
} from "node:fs"
import { randomUUID } from "node:crypto"
import { join, resolve } from "node:path"
import { codeOf, explain } from "./NodeFault.ts"

/** Directories that this process holds, so that two layers of one process do not share one. */
const held = new Set<string>()

/** How often a process that lost a race looks again before it gives up. Each loss is another's gain. */
const maximumRaces = 1000

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

/** Lock files by number; `process.lock` is how earlier versions called theirs. */
const numberOf = (name: string): number | undefined => {
  if (name === "process.lock") return 0
  const match = /^process-(\d{1,15})\.lock$/.exec(name)
  return match === null ? undefined : Number(match[1])
}
const nameOf = (number: number): string => (number === 0 ? "process.lock" : `process-${number}.lock`)
const draftName = /^process-(\d+)-[0-9a-f-]+\.draft$/

const lockNumbers = (directory: string): ReadonlyArray<number> =>
  readdirSync(directory)
    .flatMap((name) => numberOf(name) ?? [])
    .toSorted((left, right) => right - left)

/** The process that a lock file names, if it lives and is not this one. */
const ownerIn = (path: string): number | undefined => {
  const [text, start] = readFileSync(path, "utf8").trim().split(" ")
  const pid = Number(text)
  const isOther = Number.isInteger(pid) && pid > 0 && pid !== process.pid
  return isOther && isAlive(pid, start) ? pid : undefined
}

/** Writes a file of this process's own beside the locks. */
const draft = (directory: string, text: string): string => {
  const path = join(directory, `process-${process.pid}-${randomUUID()}.draft`)
  const file = openSync(path, "wx", 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return path
}

const isMissing = (error: unknown): boolean => codeOf(error) === "ENOENT"

/** Tries for the directory once: its new number, or nothing if another process moved meanwhile. */
const race = (directory: string, mine: string): number | undefined => {
  const highest = lockNumbers(directory)[0] ?? 0
  try {
    const owner = ownerIn(join(directory, nameOf(highest)))
    if (owner !== undefined) {
      throw new Error(`it is in use by process ${owner}: stop that one, or use another directory`)
    }
  } catch (error) {
    if (!isMissing(error)) throw error
    if (lockNumbers(directory).length > 0) return undefined
  }
  const number = highest + 1
  const own = draft(directory, mine)
  try {
    linkSync(own, join(directory, nameOf(number)))
  } catch (error) {
    if (codeOf(error) === "EEXIST" || isMissing(error)) return undefined
    throw error
  } finally {
    rmSync(own, { force: true })
  }
  if (lockNumbers(directory)[0] === number) return number
  rmSync(join(directory, nameOf(number)), { force: true })
  return undefined
}

/** Takes away what earlier owners, and processes that were killed while they tried, have left. */
const sweep = (directory: string, number: number): void => {
  for (const name of readdirSync(directory)) {
    const other = numberOf(name)
    const drafter = Number(draftName.exec(name)?.[1] ?? process.pid)
    const isStale =
      other !== undefined ? other < number : drafter !== process.pid && !isAlive(drafter, undefined)
    if (isStale) rmSync(join(directory, name), { force: true })
  }
}

/**
 * Takes a directory for this process, making it if it is missing; the returned function gives it back. A lock whose
 * process is gone (SIGKILL) is passed over, by one process only, however many try. Throws an `Error` with a sentence for
 * the operator.
 */
export const lockDirectory = (path: string): (() => void) => {
  const directory = resolve(path)
  if (held.has(directory)) throw new Error("it is already open in this process")
  const mine = `${process.pid} ${startOf(process.pid) ?? ""}\n`
  let number: number | undefined
  try {
    mkdirSync(directory, { recursive: true })
    for (let races = 0; number === undefined; races++) {
      if (races > maximumRaces) throw new Error("too many processes want it at once: start one")
      number = race(directory, mine)
    }
    sweep(directory, number)
  } catch (error) {
    throw explain(directory, error)
  }
  held.add(directory)
  const file = join(directory, nameOf(number))
  return () => {
    held.delete(directory)
    try {
      renameSync(draft(directory, "free\n"), file)
    } catch {
      // No room, or the directory is gone: a lock of a process that has ended is passed over all the same.
    }
  }
}
