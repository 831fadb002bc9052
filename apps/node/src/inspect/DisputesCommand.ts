/**
 * `ephor-node disputes`: who voted what, how it ended, and what follows from it, from the data directory of a node that
 * runs or was stopped.
 */
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Flags from "./Flags.ts"

const commands = Effect.promise(() => import("./Disputes.ts"))

const { dataDir, json, session, validatorStore } = Flags
const source = { dataDir, validatorStore, json }

const list = Command.make("list", { ...source, session }, (given) =>
  Effect.flatMap(commands, (run) => run.list(given))
).pipe(Command.withDescription("Disputes of the last sessions and where they stand"))

const show = Command.make("show", { ...source, hash: Flags.candidate }, (given) =>
  Effect.flatMap(commands, (run) => run.show(given))
).pipe(Command.withDescription("A candidate: its votes, the verdict, the blocks with it, the slashes"))

const votes = Command.make(
  "votes",
  { ...source, session, validator: Flags.voter, limit: Flags.limit },
  (given) => Effect.flatMap(commands, (run) => run.votes(given))
).pipe(Command.withDescription("Votes about candidates, by session and validator"))

const hashes = Command.make("hashes", { ...source, session, validator: Flags.voter }, (given) =>
  Effect.flatMap(commands, (run) => run.hashes(given))
).pipe(
  Command.withDescription(
    "Candidates that a validator voted about: by its key in all sessions, by its index in one --session"
  )
)

const povs = Command.make("povs", { ...source, validator: Flags.voter, limit: Flags.limit }, (given) =>
  Effect.flatMap(commands, (run) => run.povs(given))
).pipe(
  Command.withDescription(
    "Disputed candidates that the validator of a key voted about, with their proofs of validity"
  )
)

const slashes = Command.make("slashes", { dataDir, json, session, validator: Flags.voter }, (given) =>
  Effect.flatMap(commands, (run) => run.slashes(given))
).pipe(Command.withDescription("What the chain holds against validators that lost disputes"))

/** The `disputes` command. */
export const disputesCommand = Command.make("disputes").pipe(
  Command.withDescription("Show disputes, votes and slashes of a node that runs or was stopped"),
  Command.withSubcommands([list, show, votes, hashes, povs, slashes])
)
