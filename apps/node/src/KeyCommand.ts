/**
 * `ephor-node key`: makes the keys of validators and shows what others may know of them.
 */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"

const schemes = ["sr25519", "ed25519"] as const
/** How a key signs. */
export type Scheme = (typeof schemes)[number]

const keys = Effect.promise(() => import("./Keys.ts"))

const scheme = Flag.Literals("scheme", schemes).pipe(
  Flag.withDescription("sr25519 for validators and collators, ed25519 for the authors of a DAG"),
  Flag.withDefault("sr25519" as const)
)
const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one line of JSON"),
  Flag.withDefault(false)
)

const print = (rows: { readonly [name: string]: string }, asJson: boolean) =>
  Console.log(
    asJson
      ? JSON.stringify(rows)
      : Object.entries(rows)
          .map(([name, value]) => `${`${name}:`.padEnd(12)} ${value}`)
          .join("\n")
  )

const generate = Command.make(
  "generate",
  {
    scheme,
    json,
    words: Flag.Literals("words", ["12", "24"]).pipe(
      Flag.withDescription("Words of the phrase"),
      Flag.withDefault("12" as const)
    ),
    out: Flag.String("out").pipe(
      Flag.withDescription("File to write the phrase to, readable by its owner only; it is not printed then"),
      Flag.optional
    )
  },
  Effect.fn(function* (given) {
    const { generate: make } = yield* keys
    const file = Option.getOrUndefined(given.out)
    yield* print(yield* make(given.scheme, given.words === "24" ? 24 : 12, file), given.json)
  })
).pipe(Command.withDescription("Make a new key: a phrase, its public key and its address"))

const show = Command.make(
  "show",
  {
    scheme,
    json,
    key: Argument.String("key").pipe(
      Argument.withDescription("File with the secret, or a development key such as //Alice")
    )
  },
  Effect.fn(function* (given) {
    const { show: rowsOf } = yield* keys
    yield* print(yield* rowsOf(given.key, given.scheme), given.json)
  })
).pipe(Command.withDescription("Print the public key and the address of a key"))

const node = Command.make(
  "node",
  {
    json,
    file: Argument.String("file").pipe(
      Argument.withDescription("File of the node key; made if it does not exist")
    )
  },
  Effect.fn(function* (given) {
    const { identity } = yield* keys
    yield* print(yield* identity(given.file), given.json)
  })
).pipe(Command.withDescription("Print the network identity of a node"))

/** The `key` command. */
export const keyCommand = Command.make("key").pipe(
  Command.withDescription("Make and show keys"),
  Command.withSubcommands([generate, show, node])
)
