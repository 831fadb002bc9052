import { readFileSync } from "node:fs"

/** A file of `test/vectors`, which this directory's README describes. */
export const vectors = (name: string): any =>
  JSON.parse(readFileSync(new URL(`vectors/op-${name}.json`, import.meta.url), "utf8"))
