/**
 * The last warnings and errors of this process, for whoever looks at it without its log.
 */
import { Logger, LogLevel } from "effect"
import type { Warning } from "./Status.ts"

/** How many are kept. */
export const kept = 20

/** Characters of a message that are kept. */
const keptCharacters = 400

const all: Array<Warning> = []

const textOf = (message: unknown): string => {
  const parts = Array.isArray(message) ? message : [message]
  const words = parts.map((part) =>
    typeof part === "string" ? part : part instanceof Error ? part.message : undefined
  )
  return words
    .filter((word) => word !== undefined)
    .join(" ")
    .slice(0, keptCharacters)
}

/** Keeps what is logged as a warning or worse; its text, not what is attached to it. */
export const logger: Logger.Logger<unknown, void> = Logger.make(({ date, logLevel, message }) => {
  if (!LogLevel.isGreaterThanOrEqualTo(logLevel, "Warn")) return
  all.push({ time: date.getTime(), level: logLevel, message: textOf(message) })
  if (all.length > kept) all.shift()
})

/** The last ones, oldest first. */
export const recent = (): ReadonlyArray<Warning> => [...all]
