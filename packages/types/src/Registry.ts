/**
 * The nouns of this package by name, for tools that meet names at run time: a codec on the command line, a
 * message inspector, test vectors.
 */
import { candidates } from "./registry/Candidates.ts"
import { collations } from "./registry/Collations.ts"
import { dag, streamed } from "./registry/Dag.ts"
import { disputes } from "./registry/Disputes.ts"
import { early } from "./registry/Early.ts"
import { elementary } from "./registry/Elementary.ts"
import type { RegistryEntry } from "./registry/Family.ts"
import { rollup } from "./registry/Rollup.ts"
import { runtime } from "./registry/Runtime.ts"
import { seedMessages } from "./registry/SeedMessages.ts"
import { statements } from "./registry/Statements.ts"

export type { RegistryEntry, WireName } from "./registry/Family.ts"

/**
 * All registered types by name. Names of the Polkadot family are those of its test vectors, with type
 * parameters where Rust has them: `UncheckedSigned<AvailabilityBitfield>`, `CandidateVotes(db)`.
 */
export const types: ReadonlyMap<string, RegistryEntry> = new Map(
  [
    elementary,
    candidates,
    statements,
    collations,
    early,
    seedMessages,
    disputes,
    runtime,
    rollup,
    dag,
    streamed
  ]
    .flat()
    .map((entry) => [entry.name, entry])
)
