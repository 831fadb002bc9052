/** Builds what validators and collators bring to the development runtime. */
import {
  attestedStatement,
  type BackedCandidate,
  bitfieldPayload,
  blake2b256,
  candidateHash,
  type CommittedCandidateReceipt,
  concatBytes,
  type DisputeStatement,
  type DisputeStatementSet,
  disputeStatementPayload,
  fromHex,
  groupForCore,
  headDataHash,
  persistedValidationDataHash,
  type Signature,
  type SignedAvailabilityBitfield,
  statementPayload,
  toPlain,
  validationCodeHash,
  type ValidityAttestation
} from "@ephor/types"
import * as DevRuntime from "../../src/DevRuntime.ts"

/** Signs and verifies for a validator. */
export interface Signer {
  readonly sign: (validator: number, payload: Uint8Array) => Signature
}

const word = (byte: string) => `0x${byte.repeat(32)}` as const
export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** A stand-in for signatures, for rules that do not care about cryptography. */
export const plainSignatures = (
  validators: ReadonlyArray<`0x${string}`>
): Signer & { readonly verify: DevRuntime.Verify } => {
  const over = (key: `0x${string}`, payload: Uint8Array): Signature => {
    const hash = blake2b256(concatBytes(fromHex(key), payload))
    return `${hash}${hash.slice(2)}`
  }
  return {
    sign: (validator, payload) => over(validators[validator]!, payload),
    verify: (key, payload, signature) => over(key, payload) === signature
  }
}

export const code = text("validation code")

/** Six validators in two groups of three, one parachain. */
export const options: DevRuntime.Options = {
  ...DevRuntime.defaults,
  validators: ["01", "02", "03", "04", "05", "06"].map(word),
  groups: [
    [0, 1, 2],
    [3, 4, 5]
  ],
  paras: [{ id: 1000, genesisHead: text("head 0"), validationCode: code }],
  groupRotationFrequency: 0,
  sessionLengthBlocks: 100,
  allowedAncestry: 2,
  availabilityTimeoutBlocks: 3
}

/** A candidate for the parachain on core 0 that builds on `state`. */
export const candidate = (
  known: DevRuntime.Options,
  state: DevRuntime.RuntimeState,
  head: string,
  changes: { readonly parentHead?: Uint8Array; readonly code?: Uint8Array } = {}
): CommittedCandidateReceipt => {
  const relayParent = DevRuntime.blockOf(state)
  const headData = text(head)
  return {
    descriptor: {
      _tag: "V1",
      paraId: known.paras[0]!.id,
      relayParent: relayParent.hash,
      collator: word("c0"),
      persistedValidationDataHash: persistedValidationDataHash({
        parentHead: changes.parentHead ?? DevRuntime.expectedHead(state, 0)!,
        relayParentNumber: relayParent.number,
        relayParentStorageRoot: relayParent.stateRoot,
        maxPovSize: known.maxPovSize
      }),
      povHash: word("05"),
      erasureRoot: word("06"),
      signature: `0x${"07".repeat(64)}`,
      paraHead: headDataHash(headData),
      validationCodeHash: validationCodeHash(known.paras[0]!.validationCode)
    },
    commitments: {
      upwardMessages: [],
      horizontalMessages: [],
      newValidationCode: changes.code ?? null,
      headData,
      processedDownwardMessages: 0,
      hrmpWatermark: relayParent.number
    }
  }
}

export const hashOf = (receipt: CommittedCandidateReceipt) => candidateHash(toPlain(receipt))

/** The candidate with votes of some members (positions in the group that is responsible). */
export const backed = (
  known: DevRuntime.Options,
  state: DevRuntime.RuntimeState,
  signer: Signer,
  receipt: CommittedCandidateReceipt,
  members: ReadonlyArray<number>
): BackedCandidate => {
  const { number } = DevRuntime.blockOf(state)
  const group = known.groups[groupForCore(DevRuntime.rotationAfter(known, number), 0, known.groups.length)]!
  const context = {
    sessionIndex: DevRuntime.sessionAt(known, number + 1),
    parentHash: receipt.descriptor.relayParent
  }
  const votes = members.map((member, at): ValidityAttestation => {
    const kind = { _tag: at === 0 ? "Implicit" : "Explicit", value: `0x` } as ValidityAttestation
    const payload = statementPayload(attestedStatement(kind, hashOf(receipt)), context)
    return { ...kind, value: signer.sign(group[member]!, payload) }
  })
  return {
    candidate: receipt,
    validityVotes: votes,
    validatorIndices: group.map((_, member) => (members.includes(member) ? "1" : "0")).join("")
  }
}

/** A validator's word that it holds its piece for some cores, given on top of `state`. */
export const bitfield = (
  known: DevRuntime.Options,
  state: DevRuntime.RuntimeState,
  signer: Signer,
  validatorIndex: number,
  payload = "10"
): SignedAvailabilityBitfield => {
  const { hash, number } = DevRuntime.blockOf(state)
  const context = { sessionIndex: DevRuntime.sessionAt(known, number + 1), parentHash: hash }
  return {
    payload,
    validatorIndex,
    signature: signer.sign(validatorIndex, bitfieldPayload(payload, context))
  }
}

/** Dispute votes: `valid` are backing votes, `approving` and `invalid` explicit ones. */
export const disputeSet = (
  signer: Signer,
  candidateHash: `0x${string}`,
  session: number,
  sides: {
    readonly valid: ReadonlyArray<number>
    readonly invalid: ReadonlyArray<number>
    readonly approving?: ReadonlyArray<number>
  }
): DisputeStatementSet => {
  const vote = (statement: DisputeStatement) => (validator: number) =>
    [
      statement,
      validator,
      signer.sign(validator, disputeStatementPayload(statement, candidateHash, session)!)
    ] as const
  return {
    candidateHash,
    session,
    statements: [
      ...sides.valid.map(vote({ _tag: "Valid", value: { _tag: "BackingValid", value: word("01") } })),
      ...(sides.approving ?? []).map(vote({ _tag: "Valid", value: { _tag: "Explicit" } })),
      ...sides.invalid.map(vote({ _tag: "Invalid", value: { _tag: "Explicit" } }))
    ]
  }
}
