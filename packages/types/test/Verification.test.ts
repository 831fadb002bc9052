import { assert, describe, it } from "@effect/vitest"
import { createPublicKey, verify as verifyEd25519 } from "node:crypto"
import { Effect, Result } from "effect"
import {
  BackedCandidate,
  bitfieldPayload,
  CandidateDescriptor,
  type CandidateDescriptorV1,
  type DagCommittee,
  DisputeRequest,
  DisputeStatement,
  fromHex,
  Json,
  openDagBlock,
  PvfCheckStatement,
  Scale,
  type SeedCandidateReceipt,
  SeedCompactStatement,
  SignedAvailabilityBitfield,
  SignedFullStatement,
  SigningContext,
  statementCandidate,
  toCompact,
  toHex,
  type Verify,
  verifyApproval,
  verifyBackedCandidate,
  verifyBitfield,
  verifyCollator,
  verifyCollatorDeclaration,
  verifyCompactStatement,
  verifyDagBlock,
  verifyDisputeRequest,
  verifyDisputeVote,
  verifyPvfCheck,
  verifySeedCollator,
  verifySeedStatement,
  verifyStatement
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

type Hex = `0x${string}`

const statements = vectors("polkadot/03-statements")
const disputes = vectors("polkadot/06-disputes")
const candidates = vectors("polkadot/02-candidates")
const session = vectors("polkadot/08-session-runtime")
const bitfields = vectors("polkadot/04-bitfields")

// The signatures of the vectors were made and checked by schnorrkel: a signature is good if it is one of them.
const good = new Set(
  [
    ...statements.signatures,
    ...statements.seed_era.signatures,
    ...bitfields.signatures,
    ...disputes.payloads_and_signatures,
    ...candidates.collator_signatures,
    ...session.signatures
  ].map((one: any) => `${one.public} ${one.payload} ${one.signature}`)
)
const verify: Verify<boolean> = (key, payload, signature) => good.has(`${key} ${toHex(payload)} ${signature}`)

const keyOf = (signer: string): Hex =>
  vectors("polkadot/00-keys").keys.find((one: any) => one.suri === signer).public
const names = ["//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie"]
const validators = [...names.map(keyOf), disputes.payloads_and_signatures.at(-1).public as Hex]
const context = Json.decode(SigningContext)(statements.vectors[0].value)
const seconded = Scale.decode(SignedFullStatement)(
  fromHex(
    statements.vectors.find((one: any) => one.type === "UncheckedSigned<Statement,CompactStatement>").scale
  )
)
const candidate: Hex = disputes.candidate_hash

describe("statements", () => {
  it("a full one is verified by its compact form", () => {
    assert.isTrue(verifyStatement(seconded, context, validators, verify))
    const compact = { ...seconded, payload: toCompact(seconded.payload) }
    assert.isTrue(verifyCompactStatement(compact, context, validators, verify))
    const valid = {
      ...compact,
      payload: { _tag: "Valid", value: statementCandidate(seconded.payload) }
    } as const
    assert.isFalse(verifyCompactStatement(valid, context, validators, verify))
  })

  it("another context or validator fails, no validator is nothing to ask", () => {
    assert.isFalse(verifyStatement(seconded, { ...context, sessionIndex: 11 }, validators, verify))
    assert.isFalse(verifyStatement({ ...seconded, validatorIndex: 1 }, context, validators, verify))
    assert.isUndefined(verifyStatement({ ...seconded, validatorIndex: 9 }, context, validators, verify))
  })

  it("the outcome is whatever the function gives", async () => {
    const later: Verify<Effect.Effect<boolean>> = (...args) => Effect.sync(() => verify(...args))
    assert.isTrue(await Effect.runPromise(verifyStatement(seconded, context, validators, later)!))
  })

  statements.seed_era.signatures.forEach(({ public: key, signature }: any, i: number) => {
    it(`of 2020, ${i}`, () => {
      const statement = Json.decode(SeedCompactStatement)(statements.seed_era.vectors[i].value)
      const signed = { validatorIndex: 0, signature }
      assert.isTrue(verifySeedStatement(statement, signed, context, [key], verify))
      assert.isUndefined(verifySeedStatement(statement, signed, context, [], verify))
    })
  })

  bitfields.vectors.forEach(({ scale }: any, i: number) => {
    it(`bitfield ${i}`, () => {
      const signed = Scale.decode(SignedAvailabilityBitfield)(fromHex(scale))
      assert.isTrue(verifyBitfield(signed, context, validators, verify))
      assert.isFalse(verifyBitfield({ ...signed, payload: "1" }, context, validators, verify))
      assert.strictEqual(toHex(bitfieldPayload(signed.payload, context)), bitfields.signatures[i].payload)
    })
  })
})

describe("backed candidates", () => {
  const vector = vectors("polkadot/05-backed-candidates").vectors.find(
    (one: any) => one.type === "BackedCandidate"
  )
  const backed = Scale.decode(BackedCandidate)(fromHex(vector.scale))
  // Bits 0, 2 and 4 are set, and Alice, Bob and Charlie voted.
  const group = [5, 3, 1, 4, 2]
  const members = [3, 1, 2, 4, 5, 0].map((name) => validators[name]!)

  it("every vote is verified by the member whose bit is set", () => {
    const outcomes = verifyBackedCandidate(backed, group, context, members, verify)
    assert.deepStrictEqual(
      outcomes,
      backed.validityVotes.map(() => true)
    )
    const swapped = { ...backed, validityVotes: backed.validityVotes.toReversed() }
    assert.notDeepEqual(verifyBackedCandidate(swapped, group, context, members, verify), outcomes)
  })

  it("bits behind the group are a core index", () => {
    const withCore = { ...backed, validatorIndices: `${backed.validatorIndices}10000000` }
    assert.strictEqual(
      verifyBackedCandidate(withCore, group, context, members, verify)?.length,
      backed.validityVotes.length
    )
  })

  it("bits beyond the last vote count for nothing, as check_candidate_backing of polkadot-primitives has it", () => {
    const fewer = { ...backed, validityVotes: backed.validityVotes.slice(0, -1) }
    assert.deepStrictEqual(
      verifyBackedCandidate(fewer, group, context, members, verify),
      fewer.validityVotes.map(() => true)
    )
  })

  it("votes without bits, and bits that do not fit the group, are nothing to ask", () => {
    const more = { ...backed, validityVotes: [...backed.validityVotes, ...backed.validityVotes] }
    assert.isUndefined(verifyBackedCandidate(more, group, context, members, verify))
    assert.isUndefined(verifyBackedCandidate(backed, [...group, 0], context, members, verify))
    assert.isUndefined(verifyBackedCandidate(backed, group, context, members.slice(0, 1), verify))
  })
})

describe("disputes", () => {
  for (const row of disputes.payloads_and_signatures) {
    if (row.statement === undefined) continue
    it(row.name, () => {
      const vote = {
        statement: Json.decode(DisputeStatement)(row.statement),
        candidate: row.candidate_hash,
        session: row.session,
        validatorIndex: row.validator_index,
        signature: row.signature
      }
      assert.isTrue(verifyDisputeVote(vote, validators, verify))
      assert.isFalse(verifyDisputeVote({ ...vote, session: 11 }, validators, verify))
    })
  }

  it("a request has two outcomes, the invalid vote's first", () => {
    const vector = disputes.vectors.find((one: any) => one.type.startsWith("DisputeRequest"))
    const request = Scale.decode(DisputeRequest)(fromHex(vector.scale))
    assert.deepStrictEqual(verifyDisputeRequest(request, validators, verify), [true, true])
    const forged = {
      ...request,
      invalidVote: { ...request.invalidVote, signature: request.validVote.signature }
    }
    assert.deepStrictEqual(verifyDisputeRequest(forged, validators, verify), [false, true])
    const nobody = { ...request, validVote: { ...request.validVote, validatorIndex: 99 } }
    assert.isUndefined(verifyDisputeRequest(nobody, validators, verify))
  })

  it("an approval of others is nothing to ask", () => {
    const statement: DisputeStatement = {
      _tag: "Valid",
      value: { _tag: "ApprovalCheckingMultipleCandidates", value: [disputes.other_candidate_hash] }
    }
    const vote = {
      statement,
      candidate,
      session: 10,
      validatorIndex: 0,
      signature: `0x${"00".repeat(64)}` as const
    }
    assert.isUndefined(verifyDisputeVote(vote, validators, verify))
  })

  it("approval", () => {
    const row = disputes.payloads_and_signatures.find((one: any) => one.name.includes('ApprovalChecking"'))
    const vote = { validatorIndex: row.validator_index, signature: row.signature }
    assert.isTrue(verifyApproval([candidate], 10, vote, validators, verify))
    assert.isFalse(verifyApproval([candidate, candidate], 10, vote, validators, verify))
    assert.isUndefined(verifyApproval([], 10, vote, validators, verify))
  })

  for (const { name, payload, public: key, signature } of vectors("polkadot/11-signatures-negative")
    .vectors) {
    it(`not good: ${name}`, () => assert.isFalse(verify(key, fromHex(payload), signature)))
  }
})

describe("collators and code", () => {
  const descriptor = (name: string) =>
    Scale.decode(CandidateDescriptor)(
      fromHex(candidates.vectors.find((one: any) => one.name === name).scale)
    ) as CandidateDescriptorV1

  it("a V1 descriptor by the collator it names", () => {
    const two = descriptor("descriptor v1 b")
    assert.isTrue(verifyCollator(two, verify))
    assert.isFalse(verifyCollator({ ...two, paraId: 1 }, verify))
  })

  it("a receipt of 2020", () => {
    const { public: collator, signature } = candidates.collator_signatures[1]
    const { paraId, povHash, relayParent } = descriptor("descriptor v1")
    const receipt: Pick<
      SeedCandidateReceipt,
      "relayParent" | "paraId" | "povHash" | "collator" | "signature"
    > = {
      paraId,
      povHash,
      relayParent,
      collator,
      signature
    }
    assert.isTrue(verifySeedCollator(receipt, verify))
  })

  it("a declaration over the identity of the peer", () => {
    const seen: Array<string> = []
    const record: Verify<string> = (key, payload) => (seen.push(toHex(payload)), key)
    const signature: Hex = `0x${"00".repeat(64)}`
    assert.strictEqual(
      verifyCollatorDeclaration(Uint8Array.of(1), validators[0]!, signature, record),
      validators[0]
    )
    assert.deepStrictEqual(seen, ["0x01434f4c4c"])
  })

  it("a verdict on code", () => {
    const { value } = session.vectors.find((one: any) => one.type === "PvfCheckStatement")
    const statement = Json.decode(PvfCheckStatement)(value)
    const { signature } = session.signatures[0]
    assert.isTrue(verifyPvfCheck(statement, signature, validators, verify))
    assert.isFalse(verifyPvfCheck({ ...statement, accept: false }, signature, validators, verify))
  })
})

describe("blocks of a DAG", () => {
  const { signed_block: vector } = vectors("streaming/observer")
  const publicKey: Hex = `0x${vector.public_key}`
  const bytes = fromHex(`0x${vector.block_bcs_hex}40${vector.signature}`)
  const block = Result.getOrThrow(openDagBlock(bytes))
  const committee: DagCommittee = {
    epoch: 0,
    authorities: [0, 1, 2].map(() => ({ stake: 1, publicKey }))
  }
  const spki = fromHex("0x302a300506032b6570032100")
  const ed25519: Verify<boolean> = (key, payload, signature) => {
    const der = Buffer.concat([spki, fromHex(key)])
    return verifyEd25519(
      null,
      payload,
      createPublicKey({ key: der, format: "der", type: "spki" }),
      fromHex(signature)
    )
  }

  it("are verified by ed25519 under the author's key", () => {
    assert.isTrue(verifyDagBlock(block, committee, ed25519))
    const blockBytes = Uint8Array.from(block.blockBytes)
    blockBytes[5]! ^= 1
    assert.isFalse(verifyDagBlock({ ...block, blockBytes }, committee, ed25519))
  })

  it("of strangers, of other epochs and without signature are nothing to ask", () => {
    const two = { ...committee, authorities: committee.authorities.slice(0, 2) }
    assert.isUndefined(verifyDagBlock(block, two, ed25519))
    assert.isUndefined(verifyDagBlock(block, { ...committee, epoch: 1 }, ed25519))
    assert.isUndefined(verifyDagBlock({ ...block, signature: "0x" }, committee, ed25519))
  })
})
