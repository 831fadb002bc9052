/**
 * What a pool and a process that runs validation functions say to each other: a frame is the lengths of a header
 * and of a body, the header as JSON, and the body.
 */
import type { MemoryLimits } from "../WasmMemory.ts"
import type { WasmLimits } from "./WasmFeatures.ts"

/** A memory the host gives, as it is told to the process. */
export interface GivenMemory extends MemoryLimits {
  readonly module: string
  readonly name: string
}

/**
 * What is asked of the process. Bodies: `Prepare` the code, `Load` prepared code, `Execute` the input. A slot is
 * a place in which the process keeps a compiled module.
 */
export type PvfTask =
  | { readonly _tag: "Prepare"; readonly limits: WasmLimits }
  | { readonly _tag: "Load"; readonly slot: number }
  | {
      readonly _tag: "Execute"
      readonly slot: number
      readonly memory?: GivenMemory
      readonly maxPages: number
      readonly maxOutputBytes: number
    }

/** CPU time in microseconds: of the step, and of the process since it started. */
export interface CpuTime {
  readonly stepUs: number
  readonly processUs: number
}

/** What the process answers. Bodies: `Prepared` the prepared code, `Output` the result. */
export type PvfAnswer = CpuTime &
  (
    | { readonly _tag: "Ready" }
    | { readonly _tag: "Loaded" }
    | { readonly _tag: "Output" }
    | { readonly _tag: "Prepared"; readonly maxPages: number; readonly imported?: GivenMemory }
    | {
        readonly _tag: "Trapped" | "OutOfMemory" | "BadReturn" | "CompileFailure" | "Internal"
        readonly why: string
      }
  )

/** Bytes of the two lengths before a header. */
export const prefixBytes = 8
/** Bytes of a header. */
export const maxHeaderBytes = 4096

/** A frame. */
export const encode = (header: PvfTask | PvfAnswer, body?: Uint8Array): Uint8Array => {
  const text = JSON.stringify(header)
  const headerBytes = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(prefixBytes + headerBytes + (body?.length ?? 0))
  frame.writeUInt32LE(headerBytes, 0)
  frame.writeUInt32LE(body?.length ?? 0, 4)
  frame.write(text, prefixBytes)
  if (body !== undefined) frame.set(body, prefixBytes + headerBytes)
  return frame
}

const asBuffer = ({ buffer, byteLength, byteOffset }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength)

/** The lengths at the beginning of a frame. */
export const lengths = (prefix: Uint8Array): { readonly header: number; readonly body: number } => {
  const bytes = asBuffer(prefix)
  return { header: bytes.readUInt32LE(0), body: bytes.readUInt32LE(4) }
}

/** The header of a frame. What the other side wrote is trusted as far as its type; throws if it is no JSON. */
export const header = <A>(bytes: Uint8Array): A => JSON.parse(asBuffer(bytes).toString()) as A
