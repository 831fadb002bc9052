/** What a layout is compiled to. */
import { Fault } from "../codec/CodecError.ts"
import type { Layout } from "../layout/Layout.ts"

/** A compiled layout. */
export interface JsonForm {
  readonly read: (json: unknown) => any
  readonly write: (value: any) => unknown
}

/** Compiles a part of a layout. */
export type Compile = (layout: Layout) => JsonForm

/** The fault of JSON that is something else than expected. */
export const malformed = (expected: string): Fault => new Fault("Malformed", expected)

/** Whether JSON is an object. */
export const isRecord = (json: unknown): json is Record<string, unknown> =>
  typeof json === "object" && json !== null && !Array.isArray(json)
