import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { CodeParams, type ErasureError, ReedSolomon } from "@ephor/erasure"
import { payload, someOf } from "./support/payload.ts"

const paramsOf = (chunks: number) => Result.getOrThrow(CodeParams.codeParams(chunks))
const reasonOf = (result: Result.Result<unknown, ErasureError>) =>
  Result.isFailure(result) ? result.failure.reason._tag : "none"

const code = (chunks: number, data: Uint8Array) => {
  const params = paramsOf(chunks)
  const all = Result.getOrThrow(ReedSolomon.encode(params, data)).map((chunk, index) => ({ chunk, index }))
  return { params, all }
}

const padded = (data: Uint8Array, length: number) => {
  const bytes = new Uint8Array(length)
  bytes.set(data)
  return bytes
}

describe("CodeParams", () => {
  it("knows the thresholds of the crate and of polkadot-sdk", () => {
    const table = [
      [2, 1, 1],
      [3, 1, 1],
      [4, 2, 2],
      [5, 2, 2],
      [6, 2, 2],
      [8, 3, 2],
      [11, 4, 4],
      [173, 58, 32],
      [174, 58, 32],
      [175, 59, 32],
      [1000, 334, 256],
      [65_536, 21_846, 16_384]
    ] as const
    for (const [chunks, threshold, systematic] of table) {
      assert.strictEqual(CodeParams.recoveryThreshold(chunks), threshold, `${chunks}`)
      assert.strictEqual(paramsOf(chunks).systematic, systematic, `${chunks}`)
      assert.isAtMost(2 * systematic, paramsOf(chunks).length)
    }
  })

  it("refuses codes that there are not, before anything is made for them", () => {
    for (const chunks of [-1, 0, 1, 1.5, 65_537, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.strictEqual(reasonOf(CodeParams.codeParams(chunks)), "ChunkCount")
    }
  })
})

const Case = Schema.Struct({
  chunks: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 300 })),
  bytes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3000 })),
  seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
  more: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))
})

describe("ReedSolomon", () => {
  it.prop(
    "brings data back from any chunks of which there are enough",
    [Case],
    ([{ bytes, chunks, more, seed }]) => {
      const data = payload(bytes)
      const { all, params } = code(chunks, data)
      const wanted = Math.min(chunks, params.systematic + more)
      const found = someOf(chunks, wanted, seed).map((index) => all[index]!)
      const back = Result.getOrThrow(ReedSolomon.reconstruct(params, found))
      assert.deepStrictEqual(back, padded(data, params.systematic * all[0]!.chunk.length))
      const first = all.slice(0, params.systematic).map(({ chunk }) => chunk)
      assert.deepStrictEqual(Result.getOrThrow(ReedSolomon.reconstructFromSystematic(params, first)), back)
    },
    { arbitrary: { runs: 150 } }
  )

  it("brings data back from every choice of as few chunks as possible", () => {
    for (const chunks of [4, 5, 6, 7, 10]) {
      const data = payload(37)
      const { all, params } = code(chunks, data)
      for (let choice = 0; choice < 1 << chunks; choice++) {
        const found = all.filter(({ index }) => ((choice >> index) & 1) === 1)
        const back = ReedSolomon.reconstruct(params, found)
        if (found.length < params.systematic) assert.strictEqual(reasonOf(back), "TooFewChunks")
        else assert.deepStrictEqual(Result.getOrThrow(back).subarray(0, 37), data)
      }
    }
  })

  it("codes in blocks as it codes at once: words do not touch each other", () => {
    const data = payload(600_000)
    const { all, params } = code(100, data)
    const back = Result.getOrThrow(ReedSolomon.reconstruct(params, all.slice(-params.systematic)))
    assert.isTrue(Buffer.from(back.subarray(0, data.length)).equals(data))
    const word = 2 * params.systematic
    const alone = code(100, data.subarray(9000 * word, 9001 * word)).all
    for (const { chunk, index } of alone) {
      assert.deepStrictEqual(all[index]!.chunk.subarray(18_000, 18_002), chunk)
    }
  })

  it("refuses what cannot be coded", () => {
    const params = paramsOf(4)
    assert.strictEqual(reasonOf(ReedSolomon.encode(params, new Uint8Array())), "DataBytes")
    assert.strictEqual(
      reasonOf(ReedSolomon.encode(params, new Uint8Array(11), { maxDataBytes: 10 })),
      "DataBytes"
    )
    assert.strictEqual(reasonOf(ReedSolomon.encode(params, new Uint8Array(10), { maxDataBytes: 10 })), "none")
  })

  it("refuses chunks that are not of one code", () => {
    const { all, params } = code(10, payload(100))
    const [a, b, c, d] = all.slice(3) as [any, any, any, any]
    const outcome = (...found: ReadonlyArray<ReedSolomon.IndexedChunk>) =>
      reasonOf(ReedSolomon.reconstruct(params, found))
    const chunk = (bytes: number, index: number) => ({ index, chunk: new Uint8Array(bytes) })
    assert.strictEqual(outcome(), "TooFewChunks")
    assert.strictEqual(outcome(a, b, c), "TooFewChunks")
    assert.strictEqual(outcome(a, b, c, c), "TooFewChunks")
    assert.strictEqual(outcome(a, b, c, { ...d, index: 10 }), "ChunkIndex")
    assert.strictEqual(outcome(a, b, c, { ...d, index: -1 }), "ChunkIndex")
    assert.strictEqual(outcome(a, b, c, { ...d, index: 0.5 }), "ChunkIndex")
    assert.strictEqual(outcome(a, b, c, chunk(a.chunk.length + 2, 9)), "ChunkLength")
    assert.strictEqual(outcome(...[1, 2, 3, 4].map((index) => chunk(0, index))), "ChunkLength")
    assert.strictEqual(outcome(...[1, 2, 3, 4].map((index) => chunk(7, index))), "ChunkLength")
    assert.strictEqual(outcome(a, b, c, d), "none")
    const systematic = (count: number, bytes: number) =>
      reasonOf(
        ReedSolomon.reconstructFromSystematic(
          params,
          Array.from({ length: count }, () => new Uint8Array(bytes))
        )
      )
    assert.strictEqual(systematic(3, 2), "TooFewChunks")
    assert.strictEqual(systematic(4, 3), "ChunkLength")
    assert.strictEqual(systematic(4, 2), "none")
  })

  it("bounds what comes of chunks by the data that there may be, padding apart", () => {
    const limits = { maxDataBytes: 100 }
    const { all, params } = code(10, payload(100))
    assert.isTrue(Result.isSuccess(ReedSolomon.reconstruct(params, all, limits)))
    const more = code(10, payload(params.systematic * all[0]!.chunk.length + 1)).all
    assert.strictEqual(reasonOf(ReedSolomon.reconstruct(params, more, limits)), "DataBytes")
    const first = more.map(({ chunk }) => chunk)
    assert.strictEqual(reasonOf(ReedSolomon.reconstructFromSystematic(params, first, limits)), "DataBytes")
  })
})
