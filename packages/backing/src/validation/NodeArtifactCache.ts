/**
 * Prepared validation functions on a disk, so that a restart does not prepare them again.
 *
 * A file is named after what it was made of and by: code, limits, rules and engine. It begins with the hash of
 * the rest, which is checked when it is read; what does not fit is removed. Trouble of the disk costs the time of
 * another preparation, and is never a verdict. V8 cannot hand out what its first compiler made of a module, so it
 * is the checked and rewritten code that is kept.
 */
import { blake2b256, fromHex } from "@ephor/types"
import { Effect, Metric } from "effect"
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Metrics from "../Metrics.ts"
import type { GivenMemory } from "./NodePvfFrame.ts"

/** A prepared function. */
export interface Artifact {
  readonly code: Uint8Array
  readonly maxPages: number
  readonly imported?: GivenMemory
}

/** Artifacts by name, which is made of hexadecimal digits. */
export interface ArtifactCache {
  readonly get: (name: string) => Effect.Effect<Artifact | undefined>
  readonly put: (name: string, artifact: Artifact) => Effect.Effect<void>
}

/** Where artifacts are kept, and how many bytes of them. */
export interface ArtifactCacheOptions {
  readonly directory: string
  readonly maxBytes: number
}

const suffix = ".pvf"
const hashBytes = 32

/** A file: the hash of the rest, the length of the description, the description as JSON, the code. */
export const encode = ({ code, ...description }: Artifact): Uint8Array => {
  const text = new TextEncoder().encode(JSON.stringify(description))
  const file = new Uint8Array(hashBytes + 4 + text.length + code.length)
  new DataView(file.buffer).setUint32(hashBytes, text.length, true)
  file.set(text, hashBytes + 4)
  file.set(code, hashBytes + 4 + text.length)
  file.set(fromHex(blake2b256(file.subarray(hashBytes))))
  return file
}

/** What is in a file, or nothing if it is not as it was written. */
export const decode = (file: Uint8Array): Artifact | undefined => {
  if (file.length < hashBytes + 4) return undefined
  const hash = fromHex(blake2b256(file.subarray(hashBytes)))
  if (!hash.every((byte, i) => byte === file[i])) return undefined
  const codeAt = hashBytes + 4 + new DataView(file.buffer, file.byteOffset).getUint32(hashBytes, true)
  const text = new TextDecoder().decode(file.subarray(hashBytes + 4, codeAt))
  return { ...(JSON.parse(text) as Omit<Artifact, "code">), code: file.subarray(codeAt) }
}

const isAbsent = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT"

/** Removes the files that were not used for the longest time, until the others fit. How many it removed. */
const evict = async ({ directory, maxBytes }: ArtifactCacheOptions): Promise<number> => {
  // Those that were not finished when a process ended, too.
  const names = (await readdir(directory)).filter((name) => name.includes(suffix))
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name)
      const { mtimeMs, size } = await stat(path)
      return { path, mtimeMs, size }
    })
  )
  let total = files.reduce((sum, { size }) => sum + size, 0)
  let removed = 0
  for (const { path, size } of files.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= maxBytes) break
    await rm(path, { force: true })
    total -= size
    removed++
  }
  return removed
}

/** Reads a file and marks it as used; `damaged` if it was, and then it is gone. */
const load = async (path: string): Promise<Artifact | "absent" | "damaged"> => {
  try {
    const artifact = decode(await readFile(path))
    if (artifact === undefined) {
      await rm(path, { force: true })
      return "damaged"
    }
    const now = new Date()
    await utimes(path, now, now)
    return artifact
  } catch (error) {
    if (isAbsent(error)) return "absent"
    throw error
  }
}

const count = (result: string, times = 1) => Metric.update(Metrics.pvfArtifacts(result), times)

/** Tells of trouble of the disk, and goes on without it. */
const orWithout = <A>(doing: string, work: () => Promise<A>): Effect.Effect<A | undefined> =>
  Effect.tryPromise(work).pipe(
    Effect.catch((error) =>
      Effect.as(
        Effect.andThen(
          count("failed"),
          Effect.logWarning(`a prepared validation function could not be ${doing}`, error.cause)
        ),
        undefined
      )
    )
  )

/** A cache in a directory, which is made when it is needed. One process uses it at a time; others only cost time. */
export const make = (options: ArtifactCacheOptions): ArtifactCache => {
  const pathOf = (name: string) => join(options.directory, `${name}${suffix}`)
  return {
    get: Effect.fnUntraced(function* (name) {
      const found = yield* orWithout("read", () => load(pathOf(name)))
      if (found === undefined || found === "absent") return undefined
      yield* count(found === "damaged" ? "damaged" : "read")
      return found === "damaged" ? undefined : found
    }),
    put: Effect.fnUntraced(function* (name, artifact) {
      const file = encode(artifact)
      if (file.length > options.maxBytes) return
      const removed = yield* orWithout("kept", async () => {
        await mkdir(options.directory, { recursive: true, mode: 0o700 })
        // Under another name until it is whole, so that nobody reads half of it.
        const path = pathOf(name)
        await writeFile(`${path}.${process.pid}`, file, { mode: 0o600 })
        await rename(`${path}.${process.pid}`, path)
        return evict(options)
      })
      if (removed !== undefined && removed > 0) yield* count("evicted", removed)
    })
  }
}
