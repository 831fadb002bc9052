/**
 * Logs on stderr: stdout belongs to what a command prints.
 */
import { Layer, Logger } from "effect"

/** How a log line looks. `auto` is `pretty` on a terminal and `json` elsewhere. */
export const logFormats = ["auto", "json", "logfmt", "pretty"] as const
/** A log format by name. */
export type LogFormat = (typeof logFormats)[number]

/** Replaces the default logger by one that writes the given format to stderr. */
export const layer = (format: LogFormat, options: { readonly isTerminal: boolean }): Layer.Layer<never> => {
  const chosen = format === "auto" ? (options.isTerminal ? "pretty" : "json") : format
  switch (chosen) {
    case "json":
      return Logger.layer([Logger.withConsoleError(Logger.formatJson)])
    case "logfmt":
      return Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])
    case "pretty":
      return Layer.mergeAll(
        Logger.layer([Logger.consolePretty({ colors: options.isTerminal })]),
        Layer.succeed(Logger.LogToStderr, true)
      )
  }
}
