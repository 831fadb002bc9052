/**
 * `ephor-node codec`: shows what chain data says, from the command line.
 */
import { Console, Effect, FileSystem, Option, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { isHex, Json, toHex } from "@ephor/types"
import * as Codec from "./Codec.ts"

const type = Argument.String("type").pipe(Argument.withDescription("Name of the type; see codec types"))
const input = Argument.String("input").pipe(
  Argument.withDescription("0x hex or JSON, @FILE to read it from a file, - to read it from standard input")
)
const format = Flag.Literals("format", Codec.formats).pipe(
  Flag.withDescription("Wire form of the bytes (default: the first that the type has)"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const stdin = Stdio.Stdio.pipe(
  Effect.flatMap((stdio) => Stream.runCollect(stdio.stdin)),
  Effect.map((chunks) => Buffer.concat(chunks))
)

/** Bytes that are not text are taken as they are. */
const fromFile = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes).toString("utf8").trim()
  return isHex(text) || /^[[{"0-9a-z]/.test(text) ? text : toHex(bytes)
}

const read = Effect.fnUntraced(function* (argument: string) {
  const fs = yield* FileSystem.FileSystem
  const text =
    argument === "-"
      ? fromFile(yield* Effect.orDie(stdin))
      : argument.startsWith("@")
        ? fromFile(
            yield* fs.readFile(argument.slice(1)).pipe(
              Effect.mapError(
                () =>
                  new Codec.CodecCommandError({
                    message: `the file ${argument.slice(1)} cannot be read: give the path of an existing file`
                  })
              )
            )
          )
        : argument
  return yield* Effect.fromResult(Codec.parseInput(text))
})

const decode = Command.make(
  "decode",
  { type, input, format },
  Effect.fn(function* (given) {
    const value = yield* Effect.fromResult(Codec.decode(given.type, given.format, yield* read(given.input)))
    yield* Console.log(Json.print(value, 2))
  })
).pipe(Command.withDescription("Print the content of bytes as JSON"))

const encode = Command.make(
  "encode",
  { type, input, format },
  Effect.fn(function* (given) {
    yield* Console.log(
      yield* Effect.fromResult(Codec.encode(given.type, given.format, yield* read(given.input)))
    )
  })
).pipe(Command.withDescription("Print the bytes of a JSON value as hex"))

const hash = Command.make(
  "hash",
  { type, input, format },
  Effect.fn(function* (given) {
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
  Effect.forEach(
    Codec.types(),
    ({ formats, hash: hashed, name }) =>
      Console.log(given.long ? `${name}\t${formats.join(",")}${hashed ? "\thash" : ""}` : name),
    { discard: true }
  )
).pipe(Command.withDescription("List the names of the types"))

const batch = Command.make("batch", {}, () =>
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
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
