/**
 * Logs on stderr: stdout belongs to what a command prints.
 */
import { Layer, Logger, type LogLevel, References } from "effect"
import * as LogLine from "./LogLine.ts"
import * as Warnings from "./Warnings.ts"

/** How a log line looks. `auto` is `pretty` on a terminal and `json` elsewhere. */
export const logFormats = ["auto", "json", "logfmt", "pretty"] as const
/** A log format by name. */
export type LogFormat = (typeof logFormats)[number]

/** What is logged at least, by the names that Go programs know. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "crit"] as const
/** A log level by name. */
export type LogLevelName = (typeof logLevels)[number]

const levels: { readonly [Name in LogLevelName]: LogLevel.LogLevel } = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  crit: "Fatal"
}

const logger = (format: Exclude<LogFormat, "auto">, colors: boolean): Layer.Layer<never> => {
  switch (format) {
    case "json":
      return Logger.layer([Logger.withConsoleError(LogLine.jsonLogger), Warnings.logger])
    case "logfmt":
      return Logger.layer([Logger.withConsoleError(LogLine.logfmtLogger), Warnings.logger])
    case "pretty":
      return Layer.mergeAll(
        Logger.layer([Logger.consolePretty({ colors }), Warnings.logger]),
        Layer.succeed(Logger.LogToStderr, true)
      )
  }
}

/** Replaces the default logger by one that writes the given format to stderr. Levels below `level` are left out. */
export const layer = (
  format: LogFormat,
  options: {
    readonly isTerminal: boolean
    readonly level?: LogLevelName | undefined
    /** Default: on a terminal. */
    readonly colors?: boolean | undefined
  }
): Layer.Layer<never> => {
  const { colors, isTerminal, level } = options
  const chosen = format === "auto" ? (isTerminal ? "pretty" : "json") : format
  const written = logger(chosen, colors ?? isTerminal)
  return level === undefined
    ? written
    : Layer.merge(written, Layer.succeed(References.MinimumLogLevel, levels[level]))
}
