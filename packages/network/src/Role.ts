/**
 * Who a peer is to us: a validator that the chain names, or anybody else; and what each may say.
 */
import type { ValidatorId } from "@ephor/types"

/** What of a peer decides its role: the validator key that it has proved, if it has proved one. */
export interface Proved {
  readonly authority?: ValidatorId | undefined
}

/** Some authorities, and what they are called when others are told that it is not for them. */
export interface NamedSpeakers {
  /** As in `only the sequencer may speak it`. */
  readonly named: string
  readonly keys: ReadonlyArray<ValidatorId>
}

/** Who may speak a protocol: everybody, the validators, or none but these authorities. */
export type Speakers = "anyone" | "validators" | NamedSpeakers

/** A validator has places and shares that nobody else can take; the others share what is left. */
export type Role = "validator" | "other"

/** The validators that the chain names; without them, whoever has proved a key counts as one. */
export type Validators = ReadonlySet<ValidatorId> | undefined

/** The role of a peer, by the key that it has proved. */
export const roleOf = ({ authority }: Proved, validators: Validators): Role =>
  authority !== undefined && (validators === undefined || validators.has(authority)) ? "validator" : "other"

/** Whether a place is kept for the peer: only for validators that are known by name, of whom there are so many. */
export const isReserved = ({ authority }: Proved, validators: Validators): boolean =>
  authority !== undefined && validators !== undefined && validators.has(authority)

/** Whether a peer may speak a protocol. */
export const maySpeak = (peer: Proved, speakers: Speakers, validators: Validators): boolean => {
  if (speakers === "anyone") return true
  if (speakers === "validators") return roleOf(peer, validators) === "validator"
  return peer.authority !== undefined && speakers.keys.includes(peer.authority)
}

/** Who may speak a protocol, in words that go on with `may speak it`; this is what who may not is told. */
export const describe = (speakers: Speakers): string => {
  if (speakers === "anyone") return "everybody"
  return `only ${speakers === "validators" ? "authorities (the chain's validators)" : speakers.named}`
}
