/**
 * Everybody in a storm who is no witness, as scripted voters: honest ones that vote about every real dispute, and malicious
 * ones that keep no rule. Scripted voters need no coordinator to know what they say; they send at the pace of distribution,
 * and honest ones try again with each leaf, as it does.
 */
import { type MemoryNetwork, type Network, Protocol } from "@ephor/network"
import { DisputeRequest, DisputeResponse, Scale, type ValidatorIndex } from "@ephor/types"
import { Effect, type Scope } from "effect"
import * as Ground from "./Ground.ts"

/** One pair of votes for one witness. */
export interface Letter {
  readonly to: ValidatorIndex
  readonly bytes: Uint8Array
}

/** A scripted voter. */
export interface Voter {
  readonly index: ValidatorIndex
  /** Sends what is next, up to `count` pairs with their copies for all witnesses. */
  readonly send: (count: number) => Effect.Effect<void, never, Scope.Scope>
  /** Takes what was not taken by its receiver to be sent again. */
  readonly retry: () => void
}

const encode = Scale.encode(DisputeRequest)
const confirmed = Scale.encode(DisputeResponse)({ _tag: "Confirmed" })

/** Who votes about what. */
export interface Cast {
  readonly witnesses: ReadonlyArray<ValidatorIndex>
  readonly villains: ReadonlyArray<ValidatorIndex>
  /** Disputes that honest validators vote in. */
  readonly real: ReadonlyArray<Ground.Subject>
  /** Real disputes that each malicious validator lies about. */
  readonly lies: number
  /** Candidates on chain that only disabled validators call invalid. */
  readonly slandered: ReadonlyArray<Ground.Subject>
  /** Candidates that nobody has seen, by the villain that raises them. */
  readonly unknown: ReadonlyMap<ValidatorIndex, ReadonlyArray<Ground.Subject>>
}

const side = ({ cause }: Ground.Subject): "Valid" | "Invalid" => (cause === "invalid" ? "Invalid" : "Valid")

/** What the first votes about a candidate are: that of a backer, and that of the raiser. */
const firstOf = (subject: Ground.Subject) => ({
  valid: Ground.voteOf(subject, subject.backers[0]!, subject.cause === "unknown" ? "Valid" : "Backing"),
  invalid: Ground.voteOf(subject, subject.raiser, "Invalid")
})

/** What an honest validator has to say: its vote in each real dispute, unless it has spoken on chain. */
export const honestLetters = (
  { real, witnesses }: Cast,
  index: ValidatorIndex
): ReadonlyArray<ReadonlyArray<Letter>> =>
  real
    .filter(({ backers }) => !backers.includes(index))
    .map((subject) => {
      const own = Ground.voteOf(subject, index, side(subject))
      const { invalid, valid } = firstOf(subject)
      const pair =
        side(subject) === "Valid" ? Ground.pairOf(subject, own, invalid) : Ground.pairOf(subject, valid, own)
      const bytes = encode(pair)
      return witnesses.map((to) => ({ to, bytes }))
    })

/** How malicious votes in a real dispute are spread over the witnesses. */
const lies = (cast: Cast, index: ValidatorIndex, subject: Ground.Subject): ReadonlyArray<Letter> => {
  const first = firstOf(subject)
  const valid = Ground.voteOf(subject, index, "Valid")
  const invalid = Ground.voteOf(subject, index, "Invalid")
  // Double votes: both sides in one pair, for everybody.
  if (index % 2 === 0) {
    const bytes = encode(Ground.pairOf(subject, valid, invalid))
    return cast.witnesses.map((to) => ({ to, bytes }))
  }
  // Equivocation: one witness hears valid, the next one invalid.
  return cast.witnesses.map((to, at) => ({
    to,
    bytes: encode(
      at % 2 === 0
        ? Ground.pairOf(subject, valid, first.invalid)
        : Ground.pairOf(subject, first.valid, invalid)
    )
  }))
}

/** What a malicious validator has to say, the forgery for which it is banned at the end. */
export const villainLetters = (cast: Cast, index: ValidatorIndex): ReadonlyArray<ReadonlyArray<Letter>> => {
  const toAll = (request: DisputeRequest): ReadonlyArray<Letter> => {
    const bytes = encode(request)
    return cast.witnesses.map((to) => ({ to, bytes }))
  }
  const raise = (subject: Ground.Subject) => {
    const { invalid, valid } = firstOf(subject)
    return toAll(Ground.pairOf(subject, valid, invalid))
  }
  const raised = [...cast.real, ...cast.slandered].filter(({ raiser }) => raiser === index).map(raise)
  const flood = (cast.unknown.get(index) ?? []).map(raise)
  const lied = Array.from({ length: Math.min(cast.lies, cast.real.length) }, (_, at) =>
    lies(cast, index, cast.real[(index + at) % cast.real.length]!)
  )
  const sample = cast.unknown.get(index)?.[0]
  if (sample === undefined) return [...raised, ...lied]
  const late = [Ground.oldestSession - 2, Ground.firstSession + 5].map((session) =>
    raise({ ...sample, session })
  )
  const { invalid, valid } = firstOf(sample)
  const forged = toAll(Ground.pairOf(sample, { ...valid, validatorIndex: cast.witnesses[0]! }, invalid))
  // What comes too fast is refused unread, and the forgery has to be read.
  const silence = Array.from({ length: 40 }, (): ReadonlyArray<Letter> => [])
  // Some use up their spam slots before they raise what looks real.
  const begun = index % 2 === 0 ? [...flood, ...late, ...raised] : [...raised, ...late, ...flood]
  return [...begun, ...lied, ...(index % 5 === 0 ? [...silence, forged] : [])]
}

/** Joins the network as a voter with something to say. */
export const join = Effect.fnUntraced(function* (
  hub: MemoryNetwork.Service,
  index: ValidatorIndex,
  letters: ReadonlyArray<ReadonlyArray<Letter>>,
  isPersistent: boolean
) {
  const network: Network.Service = yield* hub.join({
    id: Ground.nameOf(index),
    authority: Ground.validators[index]!
  })
  yield* network.serve(Protocol.sendDispute, () => Effect.succeed(confirmed))
  const outbox = [...letters]
  let refused: Array<Letter> = []
  const post = (letter: Letter) =>
    network.request(Protocol.sendDispute, Ground.nameOf(letter.to), letter.bytes).pipe(
      Effect.catch(() => Effect.sync(() => void (isPersistent && refused.push(letter)))),
      Effect.forkScoped
    )
  const voter: Voter = {
    index,
    send: (count) => Effect.forEach(outbox.splice(0, count).flat(), post, { discard: true }),
    retry: () => {
      outbox.push(...refused.map((letter) => [letter]))
      refused = []
    }
  }
  return voter
})
