/**
 * Where the input of `ephor-node codec` comes from: the command line, a file, standard input.
 */
import { Effect, FileSystem, Stdio, Stream } from "effect"
import { isHex, toHex } from "@ephor/types"
import * as Codec from "./Codec.ts"

const stdin = Stdio.Stdio.pipe(
  Effect.flatMap((stdio) => Stream.runCollect(stdio.stdin)),
  Effect.map((chunks) => Buffer.concat(chunks))
)

/** Bytes that are not text are taken as they are. */
const fromFile = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes).toString("utf8").trim()
  return isHex(text) || /^[[{"0-9a-z]/.test(text) ? text : toHex(bytes)
}

/** What an argument stands for: itself, `@FILE`, or `-` for standard input. */
export const read = Effect.fnUntraced(function* (argument: string) {
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
