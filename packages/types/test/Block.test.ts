import { assert, describe, it } from "@effect/vitest"
import {
  BlockId,
  BlockRef,
  BlockSeal,
  CapitalizedBlockSeal,
  ChainId,
  DerivedBlockRefPair,
  DerivedIdPair,
  Json,
  L2BlockRef,
  OutputV0
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("op/block_refs")

describe("JSON of block references", () => {
  const rows = [
    ["blockID", BlockId],
    ["blockSeal", BlockSeal],
    ["blockRef", BlockRef],
    ["l2BlockRef", L2BlockRef],
    ["derivedBlockRefPair", DerivedBlockRefPair],
    ["derivedIDPair", DerivedIdPair],
    ["outputV0", OutputV0],
    ["outputV0Go", OutputV0],
    ["zeroBlockRef", BlockRef]
  ] as const
  for (const [name, schema] of rows) {
    it(`${name} is printed as op-node prints it, key by key`, () => {
      const text = JSON.stringify(file[name].json)
      assert.strictEqual(Json.stringify<any>(schema)(Json.parse<any>(schema)(text)), text)
    })
  }

  it("a seal of before June 2025 is told by its keys", () => {
    const { before20250604: capitalized, json } = file.blockSeal
    const seal = Json.decode(CapitalizedBlockSeal)(capitalized.json)
    assert.deepStrictEqual(seal, json)
    assert.strictEqual(Json.stringify(CapitalizedBlockSeal)(seal), JSON.stringify(capitalized.json))
    assert.throws(() => Json.decode(BlockSeal)(capitalized.json), /hash: expected the key hash/)
  })

  it("unknown keys are ignored, hex is read in either case, missing keys are refused", () => {
    const { json } = file.blockID
    assert.deepStrictEqual(Json.decode(BlockId)({ ...json, hash: `0x${"AB".repeat(32)}`, extra: 1 }), {
      hash: `0x${"ab".repeat(32)}`,
      number: 1
    })
    assert.throws(() => Json.decode(BlockId)({ hash: json.hash }), /number: expected the key number/)
  })

  it("a number that is not exact is refused, in text too", () => {
    const { hash } = file.blockID.json
    for (const number of [1.5, -1, 2 ** 53, "1", "0x1"]) {
      assert.throws(() => Json.decode(BlockId)({ hash, number }), /number/)
    }
    assert.throws(() => Json.parse(BlockId)(`{"hash":"${hash}","number":9007199254740993}`), /number/)
  })
})

describe("JSON of chain ids", () => {
  const { decodeFail, decodeOk, encode } = file.chainID
  for (const { json, value } of encode) {
    it(`${value} is ${json}`, () => assert.strictEqual(Json.stringify(ChainId)(value), json))
  }
  for (const text of decodeOk) {
    it(`${text} is read as decimal text`, () => assert.strictEqual(Json.parse(ChainId)(text), "901"))
  }
  for (const text of decodeFail) {
    it(`${text} is refused`, () => assert.throws(() => Json.parse(ChainId)(text), /JSON/))
  }
})
