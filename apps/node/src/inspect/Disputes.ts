/**
 * What `ephor-node disputes` reads off the data directory of a node, and prints.
 */
import { Console, Effect, Option } from "effect"
import * as Records from "./DisputeRecords.ts"
import * as Flags from "./Flags.ts"
import * as NodeData from "./NodeData.ts"
import * as Tables from "./Tables.ts"

interface Source {
  readonly dataDir: string
  readonly validatorStore: number | undefined
  readonly json: boolean
}
interface Session {
  readonly session: number | undefined
}
interface OfVoter {
  readonly validator: string | undefined
}

const print = (asJson: boolean, value: object, lines: ReadonlyArray<string>) =>
  Console.log(asJson ? JSON.stringify(value) : lines.join("\n"))

/** The records of one validator of a node. */
const openValidator = Effect.fnUntraced(function* (given: {
  readonly dataDir: string
  readonly validatorStore: number | undefined
}) {
  const data = yield* NodeData.open(given.dataDir)
  const [validator] = yield* NodeData.chosen(data, given.validatorStore)
  if (data.validators.length > 1 && given.validatorStore === undefined) {
    yield* Console.error(
      `the records of validator ${validator} (of ${data.validators.join(", ")}; --validator-store N for another)`
    )
  }
  const store = NodeData.storeOf(data, validator!)
  return { data, store, validator, db: yield* Records.openVotes(store) }
})

/** Disputes of the last sessions and where they stand. */
export const list = Effect.fnUntraced(function* (given: Source & Session) {
  const { db, validator } = yield* openValidator(given)
  const disputes = yield* Records.disputes(db, given.session)
  yield* print(given.json, { validator, disputes }, Tables.disputes(disputes))
}, Effect.scoped)

/** A candidate: its votes, the verdict, the blocks with it, the slashes. */
export const show = Effect.fnUntraced(function* (given: Source & { readonly hash: string }) {
  const hash = yield* Flags.parseCandidate(given.hash)
  const { data, db, store, validator } = yield* openValidator(given)
  const reports = yield* Records.candidate(data.store, store, db, hash)
  if (reports.length === 0) {
    return yield* new Flags.InspectError({
      message: `validator ${validator} keeps no votes about candidate ${hash}: see ephor-node disputes list`
    })
  }
  // Votes are worth showing without a chain beside them.
  const known = yield* Records.slashes(data, { session: undefined, voter: undefined }).pipe(
    Effect.asSome,
    Effect.catchTag("NodeDataError", () => Effect.succeedNone)
  )
  const found = Option.map(known, (all) => ({
    ...all,
    slashes: all.slashes.filter((slash) => slash.candidateHash === hash)
  })).pipe(Option.getOrUndefined)
  yield* print(
    given.json,
    { validator, candidates: reports, slashes: found?.slashes ?? [] },
    reports.flatMap((report) => Tables.candidate(report, found))
  )
}, Effect.scoped)

/** Votes about candidates. */
export const votes = Effect.fnUntraced(function* (
  given: Source & Session & OfVoter & { readonly limit: number }
) {
  const voter = yield* Effect.fromResult(Flags.parseVoter(given.validator))
  const { db, store, validator } = yield* openValidator(given)
  const found = yield* Records.votes(store, db, { session: given.session, voter }, given.limit + 1)
  const rows = found.slice(0, given.limit)
  const more = found.length > rows.length
  yield* print(given.json, { validator, votes: rows, more }, Tables.votes(rows))
  if (more && !given.json)
    yield* Console.error(`there are more than ${given.limit}: raise --limit, or give --session`)
}, Effect.scoped)

/** Candidates that a validator voted about (`QueryByValidatorId`, `QueryByValidatorAndSessionIndex`). */
export const hashes = Effect.fnUntraced(function* (given: Source & Session & OfVoter) {
  const voter = yield* Effect.fromResult(Flags.parseVoter(given.validator))
  const { db, validator } = yield* openValidator(given)
  const found = yield* Records.hashes(db, voter, given.session)
  yield* print(given.json, { validator, candidates: found }, found.length === 0 ? ["no votes"] : found)
}, Effect.scoped)

/** Disputed candidates with their proofs of validity. */
export const povs = Effect.fnUntraced(function* (given: Source & OfVoter & { readonly limit: number }) {
  const voter = yield* Effect.fromResult(Flags.parseVoter(given.validator))
  const { db, validator } = yield* openValidator(given)
  const rows = yield* Records.povs(db, voter, given.limit)
  yield* print(given.json, { validator, povs: rows }, Tables.povs(rows))
}, Effect.scoped)

/** What the chain holds against validators that lost disputes. */
export const slashes = Effect.fnUntraced(function* (
  given: Omit<Source, "validatorStore"> & Session & OfVoter
) {
  const voter = yield* Effect.fromResult(Flags.parseVoter(given.validator))
  const data = yield* NodeData.open(given.dataDir)
  const found = yield* Records.slashes(data, { session: given.session, voter })
  yield* print(given.json, found, Tables.slashes(found))
}, Effect.scoped)
