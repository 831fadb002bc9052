import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  decodeOutput,
  decodeReplacementTransaction,
  decodeSuper,
  encodeOutput,
  encodeReplacementTransaction,
  encodeSuper,
  fromHex,
  outputRoot,
  replacementSourceHash,
  superRoot,
  toHex
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("op/roots_and_replacement")

describe("output root", () => {
  const { marshaled, output, outputRoot: root } = file.outputV0
  it("hashes version, state, storage and block", () => {
    assert.strictEqual(toHex(encodeOutput(output)), marshaled)
    assert.strictEqual(outputRoot(output), root)
    assert.deepStrictEqual(decodeOutput(fromHex(marshaled)), Result.succeed(output))
  })

  it("refuses other sizes and versions", () => {
    const bytes = fromHex(marshaled)
    assert.isTrue(Result.isFailure(decodeOutput(bytes.subarray(1))))
    bytes[31] = 1
    assert.isTrue(Result.isFailure(decodeOutput(bytes)))
  })
})

describe("super root", () => {
  const { chains, marshaled, superRoot: root, timestamp } = file.superV1
  it("hashes time and outputs by ascending chain id, in whatever order they come", () => {
    assert.strictEqual(toHex(encodeSuper({ timestamp, chains })), marshaled)
    assert.strictEqual(superRoot({ timestamp, chains: chains.toReversed() }), root)
    assert.deepStrictEqual(decodeSuper(fromHex(marshaled)), Result.succeed({ timestamp, chains }))
  })

  it("orders ids as numbers", () => {
    const output = chains[0].output
    const sorted = encodeSuper({
      timestamp,
      chains: [
        { chainId: "9", output },
        { chainId: "10", output }
      ]
    })
    assert.deepStrictEqual(
      encodeSuper({
        timestamp,
        chains: [
          { chainId: "10", output },
          { chainId: "9", output }
        ]
      }),
      sorted
    )
    assert.strictEqual(sorted[40], 9)
  })

  for (const { error, input, name } of file.superV1Errors.cases) {
    it(`refuses ${name ?? input.slice(0, 24)}: ${error}`, () => {
      const result = decodeSuper(fromHex(input))
      if (Result.isSuccess(result)) return assert.fail("was accepted")
      const version = error === "invalid super root version"
      assert.strictEqual(result.failure.fault, version ? "UnknownVariant" : "Malformed")
    })
  }
})

describe("replacement transaction", () => {
  const { encoded, invalidatedOutput } = file.replacementSystemTx
  const { outputRoot: root, sourceHash } = file.invalidatedBlockSource
  const bytes = fromHex(encoded)

  it("has the bytes of the reference, and is read back", () => {
    assert.strictEqual(replacementSourceHash(root), sourceHash)
    assert.strictEqual(toHex(encodeReplacementTransaction(invalidatedOutput)), encoded)
    assert.deepStrictEqual(decodeReplacementTransaction(bytes), Result.succeed(invalidatedOutput))
  })

  it("is none if type or sender differ", () => {
    const other = bytes.slice()
    other[0] = 2
    assert.deepStrictEqual(decodeReplacementTransaction(other), Result.succeed(undefined))
    const sender = bytes.slice()
    sender[37] = sender[37]! ^ 1
    assert.deepStrictEqual(decodeReplacementTransaction(sender), Result.succeed(undefined))
  })

  it("of the sender is refused if its data is no output, or if it is cut anywhere", () => {
    const fewer = fromHex(`0x7ed68094${"deaddead".repeat(4)}dead0002`)
    assert.isTrue(Result.isFailure(decodeReplacementTransaction(fewer)))
    const version = bytes.slice()
    version[version.length - 128] = 1
    assert.isTrue(Result.isFailure(decodeReplacementTransaction(version)))
    for (let end = 1; end < bytes.length; end++) {
      assert.isTrue(Result.isFailure(decodeReplacementTransaction(bytes.subarray(0, end))), `cut at ${end}`)
    }
  })
})
