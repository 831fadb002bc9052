/**
 * How a binary starts and ends: one sentence on stderr and exit code 1 for what a person can mend, a full report only
 * for broken invariants.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Predicate } from "effect"
import { type CliError, CliOutput, Command } from "effect/cli"
import { normalize } from "./GoFlags.ts"
import * as NodeEnding from "./NodeEnding.ts"
import type { ChildProcessSpawner } from "effect/process"
import type { FileSystem, Path, Stdio, Terminal } from "effect"

/** What a command may ask of the platform. */
export type Platform =
  | FileSystem.FileSystem
  | Path.Path
  | Stdio.Stdio
  | Terminal.Terminal
  | ChildProcessSpawner.ChildProcessSpawner

/** A failure that has a wording of its own, as one sentence. */
export const sentence = (cause: Cause.Cause<unknown>): string | undefined => {
  const error = Cause.squash(cause)
  if (Cause.hasDies(cause) || !Predicate.hasProperty(error, "_tag")) return undefined
  return Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""
    ? error.message.replaceAll(/\s*\n\s*/g, " ")
    : String(error._tag)
}

const presenter = (binary: string): CliOutput.Presenter => ({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          `${binary}: ${event.errors.map((error: CliError.CliError) => error.message).join("; ")} (see ${event.commandPath.join(
            " "
          )} --help)`
        )
      : CliOutput.defaultPresenter.present(event)
})

/**
 * Environment variable that ties a process to its parent: while it is `1`, the end of standard input ends the process
 * as SIGTERM does. A parent that is killed cannot end its children otherwise.
 */
export const endWithStdin = "EPHOR_END_WITH_STDIN"

const watchStdin = () => {
  if (process.env[endWithStdin] !== "1") return
  process.stdin
    .on("end", () => process.kill(process.pid, "SIGTERM"))
    .resume()
    .unref()
}

/** A reader that has seen enough (`| head`) is a normal end, not a crash; a disk that takes no more is one sentence. */
const endWithReader = (binary: string) => {
  for (const [name, stream] of [
    ["output", process.stdout],
    ["error", process.stderr]
  ] as const) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0)
      if (name === "output")
        process.stderr.write(`${binary}: standard output cannot be written: ${error.message}\n`)
      process.exit(1)
    })
  }
}

/** Runs a command tree as the main program of a process. */
export const run = <const Name extends string, Input, E, ContextInput>(
  command: Command.Command<Name, Input, ContextInput, E, Platform>,
  options: { readonly version: string }
): void => {
  watchStdin()
  endWithReader(command.name)
  Command.runWith(command, { version: options.version })(normalize(process.argv.slice(2))).pipe(
    Effect.provide([NodeServices.layer, CliOutput.layerPresenter(presenter(command.name))]),
    Effect.onError((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      const error = Cause.squash(cause)
      if (Predicate.isTagged(error, "ShowHelp")) return Effect.void
      const text = sentence(cause)
      return Console.error(`${command.name}: ${text ?? `internal error\n${Cause.pretty(cause)}`}`)
    }),
    NodeEnding.runMain
  )
}
