import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  crossL2InboxAddress,
  decodeExecutingMessage,
  encodeExecutingLog,
  executingMessageOf,
  executingMessageTopic,
  fromHex,
  Identifier,
  Json,
  keccak256,
  l2ToL2CrossDomainMessengerAddress,
  type LogContent,
  logHash,
  logHashOf,
  messageChecksum,
  type MessagePosition,
  payloadHash,
  positionOf
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const hashing = vectors("op/hashing")
const executing = vectors("op/executing_message")
const worked = vectors("op/access_list").workedExample

const position = ({ blockNumber, chainId, logIndex, timestamp }: any): MessagePosition => ({
  blockNumber: BigInt(blockNumber),
  timestamp: BigInt(timestamp),
  logIndex: Number(logIndex),
  chainId: BigInt(chainId).toString()
})

describe("hashes of messages", () => {
  it("constants are those of the contracts", () => {
    const { constants } = hashing
    assert.strictEqual(crossL2InboxAddress, constants.crossL2InboxAddress)
    assert.strictEqual(l2ToL2CrossDomainMessengerAddress, constants.l2ToL2CrossDomainMessenger)
    assert.strictEqual(executingMessageTopic, constants.executingMessageEventTopic)
    const signature = new TextEncoder().encode(constants.executingMessageEventSignature)
    assert.strictEqual(keccak256(signature), executingMessageTopic)
  })

  for (const row of hashing.checksumChain) {
    it(`checksum ${row.checksum.slice(0, 12)}`, () => {
      if (row.payload !== undefined) {
        assert.strictEqual(keccak256(fromHex(row.payload)), row.payloadHash)
        assert.strictEqual(logHashOf(row.identifier.origin, row.payloadHash), row.logHash)
      }
      assert.strictEqual(messageChecksum(position(row.identifier), row.logHash), row.checksum)
    })
  }

  for (const { log, logHash: expected } of hashing.logHash) {
    it(`log hash ${expected.slice(0, 12)}`, () => assert.strictEqual(logHash(log), expected))
  }

  for (const { log, logHash: expected, mod } of hashing.logHashSensitivity.relevant) {
    it(`${mod} changes the log hash`, () => {
      assert.strictEqual(logHash(log), expected)
      assert.notStrictEqual(expected, logHash(hashing.logHashSensitivity.base))
    })
  }

  for (const { data, payload, topics } of hashing.messagePayload) {
    it(`payload of ${topics.length} topics`, () => {
      assert.strictEqual(payloadHash({ topics, data }), keccak256(fromHex(payload)))
    })
  }

  it("worked example", () => {
    const { identifier, log } = worked
    const { chainId, logIndex } = identifier
    const place = positionOf(
      chainId,
      { number: identifier.blockNumber, timestamp: identifier.timestamp },
      logIndex
    )
    const message = executingMessageOf(log, place)
    assert.strictEqual(message.payloadHash, worked.payloadHash)
    assert.strictEqual(logHash(log), worked.logHash)
    assert.strictEqual(message.checksum, worked.checksum)
  })
})

describe("decodeExecutingMessage", () => {
  const { log } = executing.decode as { readonly log: LogContent }

  it("reads the log of the reference, and writes it back", () => {
    const message = Result.getOrThrow(decodeExecutingMessage(log))!
    const { origin, ...rest } = executing.decode.identifier
    assert.deepStrictEqual(message.identifier, { origin, ...position(rest) })
    assert.strictEqual(message.payloadHash, executing.decode.payloadHash)
    assert.strictEqual(message.checksum, executing.decode.checksum)
    assert.strictEqual(logHash(log), executing.decode.selfLogHash)
    const { address, data, topics } = log
    assert.deepStrictEqual(encodeExecutingLog(message), { address, topics, data })
  })

  const ordinary = ["Empty Topics", "Wrong Event Topic", "Missing PayloadHash Topic", "Too Many Topics"]
  for (const { data, error, name, topics } of executing.decodeEventErrors.cases) {
    const result = decodeExecutingMessage({ address: crossL2InboxAddress, topics, data })
    if (ordinary.includes(name)) {
      it(`${name} is an ordinary log`, () => assert.deepStrictEqual(result, Result.succeed(undefined)))
      continue
    }
    it(`${name} is an error: ${error}`, () => {
      if (error === undefined || error === null) return assert.isTrue(Result.isSuccess(result))
      assert.isTrue(Result.isFailure(result))
    })
  }

  it("a log of another contract is ordinary, whatever it says", () => {
    const other: LogContent = { ...log, address: l2ToL2CrossDomainMessengerAddress, data: "0x" }
    assert.deepStrictEqual(decodeExecutingMessage(other), Result.succeed(undefined))
  })

  it("the largest numbers are exact", () => {
    const largest: Identifier = {
      origin: `0x${"ff".repeat(20)}`,
      blockNumber: 2n ** 64n - 1n,
      timestamp: 2n ** 64n - 1n,
      logIndex: 2 ** 32 - 1,
      chainId: (2n ** 256n - 1n).toString()
    }
    const encoded = encodeExecutingLog({ identifier: largest, payloadHash: worked.payloadHash })
    assert.deepStrictEqual(Result.getOrThrow(decodeExecutingMessage(encoded))!.identifier, largest)
  })

  it("an identifier is printed in quantities", () => {
    const identifier = {
      origin: crossL2InboxAddress,
      ...position({ blockNumber: 1, logIndex: 2, timestamp: 3, chainId: 901 })
    }
    const json = {
      origin: crossL2InboxAddress,
      blockNumber: "0x1",
      logIndex: "0x2",
      timestamp: "0x3",
      chainID: "0x385"
    }
    assert.deepStrictEqual(Json.encode(Identifier)(identifier), json)
    assert.deepStrictEqual(Json.decode(Identifier)(json), identifier)
    assert.throws(() => Json.decode(Identifier)({ ...json, logIndex: "0x100000000" }), /logIndex/)
  })
})
