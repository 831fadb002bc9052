import { assert, describe, it } from "@effect/vitest"
import {
  attestedStatement,
  bitfieldPayload,
  type CompactStatement,
  fromHex,
  Json,
  Scale,
  SeedCompactStatement,
  seedStatementPayload,
  SignedAvailabilityBitfield,
  SignedFullStatement,
  SigningContext,
  splitCoreIndex,
  statementCandidate,
  statementPayload,
  toCompact,
  toHex,
  withCoreIndex
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("polkadot/03-statements")
const candidate: `0x${string}` = file.candidate_hash
const context = Json.decode(SigningContext)(file.vectors[0].value)

describe("statement payloads", () => {
  const tags = ["Seconded", "Valid", "Valid"] as const
  file.signatures.forEach(({ name, payload, payload_len }: any, i: number) => {
    it(name, () => {
      const statement: CompactStatement = { _tag: tags[i]!, value: candidate }
      const bytes = statementPayload(statement, context)
      assert.strictEqual(bytes.length, payload_len)
      assert.strictEqual(toHex(bytes), payload)
    })
  })

  file.seed_era.signatures.forEach(({ name, payload }: any, i: number) => {
    it(`2020: ${name}`, () => {
      const statement = Json.decode(SeedCompactStatement)(file.seed_era.vectors[i].value)
      assert.strictEqual(toHex(seedStatementPayload(statement, context)), payload)
    })
  })

  it("a full statement is signed over its compact form", () => {
    const vector = file.vectors.find((one: any) => one.type === "UncheckedSigned<Statement,CompactStatement>")
    const signed = Scale.decode(SignedFullStatement)(fromHex(vector.scale))
    assert.deepStrictEqual(toCompact(signed.payload), { _tag: "Seconded", value: candidate })
    assert.strictEqual(statementCandidate(signed.payload), candidate)
    assert.strictEqual(signed.signature, file.signatures[0].signature)
    assert.strictEqual(
      toHex(statementPayload(toCompact(signed.payload), context)),
      file.signatures[0].payload
    )
  })

  it("attestations stand for the statement that was signed", () => {
    assert.strictEqual(attestedStatement({ _tag: "Implicit", value: "0x" }, candidate)._tag, "Seconded")
    assert.strictEqual(attestedStatement({ _tag: "Explicit", value: "0x" }, candidate)._tag, "Valid")
  })
})

describe("bitfields", () => {
  const bitfields = vectors("polkadot/04-bitfields")
  bitfields.signatures.forEach(({ name, payload }: any, i: number) => {
    it(name, () => {
      const signed = Scale.decode(SignedAvailabilityBitfield)(fromHex(bitfields.vectors[i].scale))
      assert.strictEqual(toHex(bitfieldPayload(signed.payload, context)), payload)
    })
  })
})

describe("core index in validator bits", () => {
  for (const { core, group_bits, validator_indices } of vectors("polkadot/05-backed-candidates").core_index) {
    it(`${group_bits} with core ${core}`, () => {
      assert.strictEqual(withCoreIndex(group_bits, core), validator_indices)
      assert.deepStrictEqual(splitCoreIndex(validator_indices, group_bits.length), {
        groupBits: group_bits,
        core
      })
      assert.deepStrictEqual(splitCoreIndex(group_bits, group_bits.length), {
        groupBits: group_bits,
        core: undefined
      })
    })
  }
})
