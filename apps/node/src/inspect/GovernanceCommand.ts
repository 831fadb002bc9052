/**
 * `ephor-node governance`: whether a node waits for people because something invalid was finalized, and telling it that
 * they have decided.
 */
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as Flags from "./Flags.ts"

const commands = Effect.promise(() => import("./GovernanceMode.ts"))

const { dataDir, json } = Flags
const validatorStore = Flags.validatorStore.pipe(
  Flag.withDescription("Only this validator, where the node runs several (default: all of them)")
)

const status = Command.make("status", { dataDir, validatorStore, json }, (given) =>
  Effect.flatMap(commands, (run) => run.status(given))
).pipe(Command.withDescription("Whether something invalid was finalized, so that people have to decide"))

const unfreeze = Command.make(
  "unfreeze",
  {
    dataDir,
    validatorStore,
    json,
    rpc: Flag.String("rpc").pipe(
      Flag.filter(
        (url) => URL.canParse(url),
        () => "a URL with http://"
      ),
      Flag.withDescription("URL of the admin endpoint of a node that runs (default: the node is stopped)"),
      Flag.optional
    ),
    jwtSecret: Flag.String("jwt-secret").pipe(
      Flag.withDescription("File with the secret of the node that runs (default: jwt.hex in --data-dir)"),
      Flag.optional
    )
  },
  (given) => Effect.flatMap(commands, (run) => run.unfreeze(given))
).pipe(Command.withDescription("Tell a node that people have decided about what was finalized"))

/** The `governance` command. */
export const governanceCommand = Command.make("governance").pipe(
  Command.withDescription("Show and end the mode in which a node waits for people"),
  Command.withSubcommands([status, unfreeze])
)
