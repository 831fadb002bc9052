/**
 * sr25519 signatures with the signing context `substrate`, as relay chains verify them: schnorrkel compiled to WebAssembly,
 * from `rust/`. The module is compiled at the first call, or by `load`, without waiting.
 */
import { type Check, isSized, keyBytes, pack, packedBytes, seedBytes, signatureBytes } from "./Checks.ts"
import { artefact } from "./module/Artefact.gen.ts"

interface Exports {
  readonly memory: WebAssembly.Memory
  /** Room for so many bytes; 0 if it has none. */
  readonly reserve: (length: number) => number
  readonly verify: () => number
  readonly verify_batch: () => number
}

/** The most checks that are verified together; more are taken in several batches. */
export const maxChecks = 1024

/** The longest input of a call with everything in it. A signature of a longer message is not verified: it is not valid. */
export const maxInputBytes = 64 * 1024 * 1024

let wasm: Exports | undefined

const compile = (): Exports => {
  const bytes = Uint8Array.from(atob(artefact), (character) => character.charCodeAt(0))
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports
}

const loaded = (): Exports => (wasm ??= compile())

/** Compiles the module if nobody has yet: some milliseconds. */
export const load = (): void => void loaded()

/** Puts the parts into the module's memory, one behind the other; answers where, or nothing if there is no room. */
const give = (...parts: ReadonlyArray<Uint8Array>): number | undefined => {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length > maxInputBytes) return undefined
  const pointer = loaded().reserve(length) >>> 0
  if (pointer === 0) return undefined
  // Reserving may have moved the memory: the view is made afterwards.
  const room = new Uint8Array(loaded().memory.buffer, pointer, length)
  let at = 0
  for (const part of parts) {
    room.set(part, at)
    at += part.length
  }
  return pointer
}

/** Whether `signature` (64 bytes) is of `key` (32 bytes) over `message`; false for bytes that are no key or no signature. */
export const verify = (signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean =>
  key.length === keyBytes &&
  signature.length === signatureBytes &&
  give(key, signature, message) !== undefined &&
  loaded().verify() === 1

/**
 * The verdicts on packed checks, 1 for a valid signature, in their order. They are verified together, and one by one if not
 * all are valid. The batch's randomness comes from `crypto.getRandomValues` and is written into `bytes`. Throws for bytes
 * that `Checks.pack` does not make, and for more than `maxChecks` or `maxInputBytes`.
 */
export const verifyPacked = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  if (bytes.length < seedBytes)
    throw new RangeError("packed checks begin with room for a seed: use Checks.pack")
  globalThis.crypto.getRandomValues(bytes.subarray(0, seedBytes))
  const pointer = give(bytes)
  const count = pointer === undefined ? -1 : loaded().verify_batch()
  if (pointer === undefined || count < 0)
    throw new RangeError(
      `these are no packed checks, or more than ${maxChecks} or ${maxInputBytes} bytes: use Checks.pack`
    )
  return new Uint8Array(loaded().memory.buffer, pointer, count).slice()
}

/** The verdicts on some checks, in their order: a batch for each `maxChecks`, or `maxInputBytes`, of them. */
export const verifyBatch = (checks: ReadonlyArray<Check>): ReadonlyArray<boolean> => {
  const verdicts: Array<boolean> = checks.map(() => false)
  let batch: Array<number> = []
  let length = seedBytes
  const flush = () => {
    if (batch.length > 0)
      verifyPacked(pack(batch.map((at) => checks[at]!))).forEach((verdict, i) => {
        verdicts[batch[i]!] = verdict === 1
      })
    batch = []
    length = seedBytes
  }
  checks.forEach((check, at) => {
    const alone = packedBytes([check])
    if (!isSized(check) || alone > maxInputBytes) return
    if (batch.length === maxChecks || length + alone > maxInputBytes) flush()
    batch.push(at)
    length += alone - seedBytes
  })
  flush()
  return verdicts
}
