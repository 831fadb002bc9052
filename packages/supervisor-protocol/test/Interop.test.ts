import { assert, describe, it } from "@effect/vitest"
import {
  BlockId,
  BlockRef,
  ChainId,
  DerivedBlockRefPair,
  DerivedIdPair,
  L2BlockRef,
  OutputV0
} from "@ephor/types"
import * as Interop from "../src/Interop.ts"
import { blockSeal, fromSchema, receipts, type Wire } from "../src/interop/Wire.ts"
import { parseJson } from "@ephor/json-rpc/JsonRpc"
import * as Errors from "../src/ManagedNodeError.ts"
import { l1Block, l2Block } from "../src/testing/ManagedNodeTest.ts"
import { vectors } from "./vectors.ts"

const refs = vectors("block-refs")
const { nodeSide, resetRefNames } = vectors("error-codes")

describe("references", () => {
  const table: Record<string, Wire<any>> = {
    blockID: fromSchema(BlockId),
    blockSeal,
    blockRef: fromSchema(BlockRef),
    l2BlockRef: fromSchema(L2BlockRef),
    derivedBlockRefPair: fromSchema(DerivedBlockRefPair),
    derivedIDPair: fromSchema(DerivedIdPair),
    outputV0: fromSchema(OutputV0),
    outputV0Go: fromSchema(OutputV0),
    zeroBlockRef: fromSchema(BlockRef)
  }
  for (const [name, wire] of Object.entries(table)) {
    it(`${name}: read and printed as it came`, () => {
      const { json } = refs[name]
      assert.strictEqual(JSON.stringify(wire.encode(wire.decode(json))), JSON.stringify(json))
    })
  }
  it("seals of old supervisors have capital keys", () => {
    assert.deepStrictEqual(blockSeal.decode(refs.blockSeal.before20250604.json), refs.blockSeal.json)
  })
  it("more than the schema is read over, and never printed", () => {
    const wire = table["blockRef"]!
    assert.deepStrictEqual(wire.decode(refs.l2BlockRef.json), wire.decode(refs.blockRef.json))
    assert.deepStrictEqual(wire.encode(l2Block(3)), fromSchema(BlockRef).encode(l2Block(3)))
    assert.notProperty(wire.encode(l2Block(3)), "l1origin")
  })
  it("hashes may be in capitals, and are kept in lower case", () => {
    const hash = `0x${"AB".repeat(32)}`
    assert.deepStrictEqual(fromSchema(BlockId).decode({ hash, number: 1 }), {
      hash: hash.toLowerCase(),
      number: 1
    })
  })
  it("numbers are plain, whole and exact", () => {
    const bad = [`"1"`, `"0x1"`, "1.5", "-1", "18446744073709551615", "9007199254740993", "null"]
    for (const number of bad) {
      const json = parseJson(`{"hash":"${l1Block(1).hash}","number":${number}}`)
      assert.throws(() => fromSchema(BlockId).decode(json), undefined, undefined, number)
    }
  })
  it("chain ids", () => {
    const wire = fromSchema(ChainId)
    for (const { json, value } of refs.chainID.encode)
      assert.strictEqual(JSON.stringify(wire.encode(value)), json)
    for (const json of refs.chainID.decodeOk) assert.strictEqual(wire.decode(JSON.parse(json)), "901", json)
    for (const json of refs.chainID.decodeFail)
      assert.throws(() => wire.decode(JSON.parse(json)), undefined, undefined, json)
  })
})

describe("receipts", () => {
  it("have what Go insists on", () => {
    const log = {
      address: `0x${"d5".repeat(20)}`,
      topics: [l1Block(1).hash],
      data: "0x",
      blockNumber: "0x4d2",
      blockHash: l1Block(2).hash,
      transactionHash: l1Block(3).hash,
      transactionIndex: "0x1",
      logIndex: "0x5"
    }
    const given = {
      type: "0x2",
      status: "0x1",
      cumulativeGasUsed: "0x5208",
      gasUsed: "0x5208",
      logs: [log],
      transactionHash: l1Block(3).hash,
      transactionIndex: "0x1",
      blockHash: l1Block(2).hash,
      blockNumber: "0x4d2"
    }
    const [printed] = receipts.encode(receipts.decode([given])) as ReadonlyArray<any>
    assert.match(printed.logsBloom, /^0x[0-9a-f]{512}$/)
    assert.notMatch(printed.logsBloom, /^0x0+$/)
    assert.isNull(printed.contractAddress)
    assert.isFalse(printed.logs[0].removed)
    assert.deepInclude(printed, { ...given, logs: [{ ...log, removed: false }] })
  })
})

describe("errors", () => {
  const error = (reason: Errors.ManagedNodeErrorReason, method = "interop_reset") =>
    new Errors.ManagedNodeError({ method, reason })
  const reasons: ReadonlyArray<readonly [string, Errors.ManagedNodeErrorReason, number]> = [
    ["interop_pullEvent", new Errors.OutOfEvents(), -39001],
    ...Errors.ResetHead.literals.flatMap((head) => [
      ["interop_reset", new Errors.TargetNotFound({ head }), -39001] as const,
      ["interop_reset", new Errors.LookupFailed({ head }), -32603] as const
    ]),
    ["interop_reset", new Errors.Conflict({ block: l2Block(3) }), -39002],
    ["interop_anchorPoint", new Errors.InteropInactive(), -39003],
    [
      "interop_updateFinalized",
      new Errors.BlockNotFound({ text: "failed to get L2BlockRef: block not found: 7" }),
      -32000
    ],
    ["interop_reset", new Errors.Refused({ text: "reorg is too deep: x" }), -32000],
    [
      "interop_fetchReceipts",
      new Errors.Pruned({ text: "pruned history unavailable: block 3 is below block 9" }),
      4444
    ],
    ["interop_foo", new Errors.Unsupported({ method: "interop_foo" }), -32601],
    ["interop_foo", new Errors.Remote({ code: -32602, text: "invalid argument 0: x" }), -32602],
    ["interop_foo", new Errors.Remote({ code: -5, text: "x", data: [1] }), -5]
  ]
  for (const [method, reason, code] of reasons) {
    it(`${method}: ${reason._tag} is ${code}, and comes back`, () => {
      const onWire = JSON.parse(JSON.stringify(Interop.toRpcError(error(reason, method))))
      assert.strictEqual(onWire.code, code)
      const back = Interop.fromRpcError(method, onWire)
      assert.strictEqual(back._tag, reason._tag)
      assert.strictEqual(back.message, reason.message)
      assert.deepStrictEqual(JSON.stringify(back), JSON.stringify(reason))
    })
  }
  it("the vectors' codes and texts", () => {
    assert.deepStrictEqual(resetRefNames, [...Errors.ResetHead.literals])
    assert.deepStrictEqual(
      nodeSide.map(({ code }: { code: number }) => code),
      [-39001, -39002, -39003, -32603, -32000]
    )
    assert.deepStrictEqual(Interop.toRpcError(error(new Errors.TargetNotFound({ head: "cross-unsafe" }))), {
      code: -39001,
      message: "cross-unsafe reset target not found"
    })
    const data = fromSchema(L2BlockRef).encode(l2Block(3))
    const conflict = Interop.toRpcError(error(new Errors.Conflict({ block: l2Block(3) })))
    assert.deepStrictEqual(conflict, { code: -39002, message: "conflicting block", data })
    assert.strictEqual(new Errors.InteropInactive().message, "Interop inactive at genesis")
    assert.strictEqual(new Errors.OutOfEvents().message, "out of events")
  })
  it("missing blocks are told by their text, whatever its capitals", () => {
    for (const message of ["block not found: 7", "Header Not Found", "x: unknown block 0x"]) {
      assert.strictEqual(Interop.fromRpcError("m", { code: -32000, message })._tag, "BlockNotFound", message)
    }
    assert.strictEqual(Interop.fromRpcError("m", { code: -32000, message: "not found" })._tag, "Refused")
  })
  it("nonsense stays as it came", () => {
    assert.strictEqual(
      Interop.fromRpcError("interop_reset", { code: -39002, message: "x", data: 7 })._tag,
      "Remote"
    )
    assert.strictEqual(Interop.fromRpcError("interop_reset", { code: -39001, message: "x" })._tag, "Remote")
    assert.strictEqual(Interop.fromRpcError("m", { code: -32603, message: "x" })._tag, "Remote")
    assert.strictEqual(Interop.fromRpcError("m", { code: 1.5, message: "x" })._tag, "Remote")
  })
})
