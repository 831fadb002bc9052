/**
 * The flags of the commands that look into a node, and what they accept.
 */
import { isHex, type CandidateHash, type ValidatorId, type ValidatorIndex } from "@ephor/types"
import { Config, Effect, Option, Result, Schema } from "effect"
import { Argument, Flag } from "effect/cli"
import { environmentOf } from "../Environment.ts"
import { settings } from "../NodeConfig.ts"

/** A flag or an argument has a value that does not fit; the message says which and what would. */
export class InspectError extends Schema.TaggedError<InspectError>()("InspectError", {
  message: Schema.String
}) {}

const { formerPrefixes, prefixes } = environmentOf()

/** Whose data. */
export const dataDir = Flag.String("data-dir").pipe(
  Flag.withDescription("Directory of the node, which may be running"),
  Flag.withFallbackConfig(
    Config.orElse(Config.String(`${prefixes[0]}_DATA_DIR`), () =>
      Config.String(`${formerPrefixes[0]}_DATA_DIR`)
    )
  ),
  Flag.withDefault(Option.getOrThrow(settings.dataDir.fallback))
)

/** One line of JSON instead of a table. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one line of JSON"),
  Flag.withDefault(false)
)

const number = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= 0 && value <= 0xffff_ffff,
      () => "a whole number from 0 to 4294967295"
    ),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

/** Only what belongs to this session. */
export const session = number("session", "Only this session")

/** Whose records, where a node runs several validators. */
export const validatorStore = number(
  "validator-store",
  "Validator whose records are read, where the node runs several (default: its first)"
)

/** Rows that are printed at most. */
export const limit = Flag.Int("limit").pipe(
  Flag.filter(
    (value) => value > 0,
    () => "a whole number from 1 on"
  ),
  Flag.withDescription("Rows to print at most (default 10000)"),
  Flag.withDefault(10_000)
)

const is32Bytes = (text: string): text is `0x${string}` => text.length === 66 && isHex(text)

/** Somebody who voted: by the position in the session, or by key. */
export type Voter = { readonly index: ValidatorIndex } | { readonly id: ValidatorId }

/** Only what this validator did. */
export const voter = Flag.String("validator").pipe(
  Flag.withDescription("Only this validator: its index in the session, or its public key"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

/** The voter that a flag names. */
export const parseVoter = (text: string | undefined): Result.Result<Voter | undefined, InspectError> => {
  if (text === undefined) return Result.succeed(undefined)
  if (/^\d{1,9}$/.test(text)) return Result.succeed({ index: Number(text) })
  const id = text.toLowerCase()
  return is32Bytes(id)
    ? Result.succeed({ id })
    : Result.fail(
        new InspectError({
          message: `--validator is "${text}" but should be an index, or a public key of 32 bytes (0x and 64 hex digits)`
        })
      )
}

/** A candidate. */
export const candidate = Argument.String("hash").pipe(
  Argument.withDescription("Hash of the candidate, as list prints it")
)

/** The candidate that an argument names. */
export const parseCandidate = (text: string): Effect.Effect<CandidateHash, InspectError> => {
  const hash = text.toLowerCase()
  return is32Bytes(hash)
    ? Effect.succeed(hash)
    : Effect.fail(
        new InspectError({
          message: `"${text}" is no hash of a candidate: give 0x and 64 hex digits, as ephor-node disputes list prints them`
        })
      )
}
