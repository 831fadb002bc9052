/** A program whose commands end in every way that a signal can end one. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as NodeEnding from "../../src/NodeEnding.ts"
import * as NodeProgram from "../../src/NodeProgram.ts"

const waits = Effect.andThen(Console.log("waits"), Effect.never)

NodeProgram.run(
  Command.make("endings").pipe(
    Command.withSubcommands([
      Command.make("serve", {}, () =>
        NodeEnding.longRunning(Effect.ensuring(waits, Console.log("in order")))
      ),
      Command.make("count", {}, () => Effect.ensuring(waits, Console.log("in order"))),
      Command.make("break", {}, () =>
        NodeEnding.longRunning(Effect.ensuring(waits, Effect.die(new Error("what was open stays open"))))
      ),
      Command.make("succeed", {}, () => NodeEnding.longRunning(Effect.void))
    ])
  ),
  { version: "1" }
)
