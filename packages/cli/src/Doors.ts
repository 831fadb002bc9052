/**
 * The doors of a program: no two can be at one address.
 */
import { Effect } from "effect"
import { SettingsError } from "./settings/Setting.ts"

/** Where one listens, and the flag that says so. */
export interface Door {
  readonly flag: string
  readonly host: string
  /** 0 is any free port. */
  readonly port: number
}

const everywhere = new Set(["0.0.0.0", "::", "*"])

const meet = (one: Door, other: Door): boolean =>
  one.port !== 0 &&
  one.port === other.port &&
  (one.host === other.host || everywhere.has(one.host) || everywhere.has(other.host))

/** Fails if two doors want one address. */
export const check = (doors: ReadonlyArray<Door>): Effect.Effect<void, SettingsError> => {
  for (const [at, door] of doors.entries()) {
    const other = doors.slice(0, at).find((before) => meet(before, door))
    if (other !== undefined) {
      return Effect.fail(
        new SettingsError({
          message: `conflicting flags: --${other.flag} and --${door.flag} are both ${door.port}: give different ones`
        })
      )
    }
  }
  return Effect.void
}
