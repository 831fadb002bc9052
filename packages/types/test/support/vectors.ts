import { readFileSync } from "node:fs"

/** A vector file of this directory's neighbour. Its shape is known to the test that reads it. */
export const vectors = (name: string): any =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"))

export interface ScaleVector {
  readonly name: string
  readonly type: string
  readonly value: unknown
  readonly scale: string
  readonly len: number
  readonly blake2_256: string
  readonly candidate_hash?: string
}

export const polkadotFiles = [
  "01-primitives",
  "02-candidates",
  "03-statements",
  "04-bitfields",
  "05-backed-candidates",
  "06-disputes",
  "07-inherent",
  "08-session-runtime",
  "09-node-side"
] as const
