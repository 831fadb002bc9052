/** The two ends of a derivation database. */
import type { DerivationDb, DerivationEntry } from "./Entries.ts"
import { Result } from "effect"
import { refuse, show, type Verdict } from "../Fault.ts"

/** The newest entry; `AwaitReplacement` while it is an invalidated one, `Uninitialized` without any. */
export const last = (db: DerivationDb): Verdict<DerivationEntry> => {
  const entry = db.at(-1)
  if (entry === undefined) return refuse("Uninitialized", "no block is known to be safe")
  return entry.invalidated
    ? refuse("AwaitReplacement", `block ${show(entry.derived)} waits for its replacement`)
    : Result.succeed(entry)
}

/** The invalidated entry at the end, while its replacement is outstanding. */
export const marker = (db: DerivationDb): DerivationEntry | undefined => {
  const entry = db.at(-1)
  return entry?.invalidated === true ? entry : undefined
}

/** The newest entry that is not an invalidated one. */
export const lastValid = (db: DerivationDb): DerivationEntry | undefined =>
  marker(db) === undefined ? db.at(-1) : db.at(-2)
