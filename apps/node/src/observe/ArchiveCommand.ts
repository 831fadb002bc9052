/**
 * `ephor-node archive`: what a relay has archived, looked at while nobody serves it or while somebody does.
 */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { json } from "../inspect/Flags.ts"

const verify = Command.make(
  "verify",
  {
    directory: Argument.String("directory").pipe(
      Argument.withDescription("The --archive-dir of a relay, or a copy of it")
    ),
    committee: Flag.String("committee").pipe(
      Flag.withDescription(
        "File with the committee: every signature is checked, too, and its votes are counted"
      ),
      Flag.optional,
      Flag.map(Option.getOrUndefined)
    ),
    json
  },
  (given) =>
    Effect.flatMap(
      Effect.promise(() => import("./Archives.ts")),
      (run) => run.verify(given)
    )
).pipe(
  Command.withDescription(
    "Read all of an archive: checksums, continuity, digests and, with a committee, signatures"
  )
)

/** The `archive` command. */
export const archiveCommand = Command.make("archive").pipe(
  Command.withDescription("Look at the archive of a relay"),
  Command.withSubcommands([verify])
)
