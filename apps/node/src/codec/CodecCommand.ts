/**
 * `ephor-node codec`: shows what chain data says, from the command line.
 */
import { Console, Effect, Option, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { formats } from "./Format.ts"

const type = Argument.String("type").pipe(Argument.withDescription("Name of the type; see codec types"))
const input = Argument.String("input").pipe(
  Argument.withDescription("0x hex or JSON, @FILE to read it from a file, - to read it from standard input")
)
const format = Flag.Literals("format", formats).pipe(
  Flag.withDescription("Wire form of the bytes (default: the first that the type has)"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

/** The rules, with every type of every protocol: loaded when a command needs them. */
const rules = Effect.promise(() => import("./Codec.ts"))
const reader = Effect.promise(() => import("./Input.ts"))

const decode = Command.make(
  "decode",
  { type, input, format },
  Effect.fn(function* (given) {
    const Codec = yield* rules
    const { read } = yield* reader
    const value = yield* Effect.fromResult(Codec.decode(given.type, given.format, yield* read(given.input)))
    yield* Console.log(Codec.print(value))
  })
).pipe(Command.withDescription("Print the content of bytes as JSON"))

const encode = Command.make(
  "encode",
  { type, input, format },
  Effect.fn(function* (given) {
    const Codec = yield* rules
    const { read } = yield* reader
    yield* Console.log(
      yield* Effect.fromResult(Codec.encode(given.type, given.format, yield* read(given.input)))
    )
  })
).pipe(Command.withDescription("Print the bytes of a JSON value as hex"))

const hash = Command.make(
  "hash",
  { type, input, format },
  Effect.fn(function* (given) {
    const Codec = yield* rules
    const { read } = yield* reader
    yield* Console.log(
      yield* Effect.fromResult(Codec.hash(given.type, given.format, yield* read(given.input)))
    )
  })
).pipe(Command.withDescription("Print the hash of bytes or of a JSON value"))

const long = Flag.Boolean("long").pipe(
  Flag.withDescription("Also print the forms of each type, and whether it has a hash"),
  Flag.withDefault(false)
)

const types = Command.make("types", { long }, (given) =>
  Effect.flatMap(rules, (Codec) =>
    Effect.forEach(
      Codec.types(),
      ({ formats: forms, hash: hashed, name }) =>
        Console.log(given.long ? `${name}\t${forms.join(",")}${hashed ? "\thash" : ""}` : name),
      { discard: true }
    )
  )
).pipe(Command.withDescription("List the names of the types"))

const batch = Command.make("batch", {}, () =>
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    const Codec = yield* rules
    yield* stdio.stdin.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filter((line) => line.trim() !== ""),
      Stream.mapArray((lines) => [lines.map((line) => `${Codec.batchLine(line)}\n`).join("")]),
      Stream.run(stdio.stdout())
    )
  })
).pipe(Command.withDescription("Answer NDJSON requests from standard input, a line each"))

/** The `codec` command and its subcommands. */
export const codec = Command.make("codec").pipe(
  Command.withDescription("Decode, encode and hash the types of all protocols"),
  Command.withSubcommands([decode, encode, hash, types, batch])
)
