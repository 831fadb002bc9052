import { assert, describe, it } from "@effect/vitest"
import {
  BlockStreamRequest,
  BlockStreamResponse,
  CommitStreamRequest,
  CommitStreamResponse,
  type DagBlockRef,
  ExtendedBlockStreamRequest,
  ExtendedBlockStreamResponse,
  ExtendedCommitStreamRequest,
  ExtendedCommitStreamResponse,
  FetchBlocksRequest,
  FetchBlocksResponse,
  fromHex,
  Proto,
  ReplayInfo,
  toHex
} from "@ephor/types"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)
const digest: `0x${string}` = `0x${"11".repeat(32)}`
const ref: DagBlockRef = { round: 300, author: 2, digest }

describe("the seed's messages, byte for byte", () => {
  const rows: ReadonlyArray<readonly [name: string, schema: any, value: any, hex: `0x${string}`]> = [
    // field 1, delimited; within: field 1, packed varints 1 and 300
    [
      "start blocks",
      BlockStreamRequest,
      { command: { _tag: "Start", value: { highestRoundPerAuthority: [1n, 300n] } } },
      "0x0a050a0301ac02"
    ],
    ["stop blocks", BlockStreamRequest, { command: { _tag: "Stop" } }, "0x1200"],
    ["no command", BlockStreamRequest, { command: null }, "0x"],
    [
      "start commits",
      CommitStreamRequest,
      { command: { _tag: "Start", value: { lastCommitIndex: 7n } } },
      "0x0a020807"
    ],
    ["stop commits", CommitStreamRequest, { command: { _tag: "Stop" } }, "0x1200"],
    [
      "blocks",
      BlockStreamResponse,
      { blocks: [bytes(1, 2), bytes()], highestCommitIndex: 9 },
      "0x0a0201020a001009"
    ],
    ["heartbeat", BlockStreamResponse, { blocks: [], highestCommitIndex: 0 }, "0x"],
    [
      "commits",
      CommitStreamResponse,
      {
        commits: [{ commitIndex: 1, leader: ref, blocks: [bytes(7)], timestampMs: 5 }],
        highestCommitIndex: 1
      },
      `0x0a300801122708021 0ac021a20${"11".repeat(32)}1a01072005 1001`.replaceAll(" ", "") as `0x${string}`
    ]
  ]
  for (const [name, schema, value, hex] of rows) {
    it(name, () => {
      assert.strictEqual(toHex(Proto.encode<any>(schema)(value)), hex)
      assert.deepStrictEqual(Proto.decode<any>(schema)(fromHex(hex)), value)
    })
  }

  it("positions keep all 64 bits, claims beyond 32 bits are refused", () => {
    const all = 0xffff_ffff_ffff_ffffn
    const request = { command: { _tag: "Start", value: { lastCommitIndex: all } } } as const
    assert.deepStrictEqual(
      Proto.decode(CommitStreamRequest)(Proto.encode(CommitStreamRequest)(request)),
      request
    )
    assert.throws(() => Proto.decode(BlockStreamResponse)(fromHex("0x108080808010")), /highestCommitIndex/)
  })

  it("a command of the future is no command", () => {
    assert.deepStrictEqual(Proto.decode(BlockStreamRequest)(fromHex("0x1a0101")), { command: null })
  })
})

describe("extensions", () => {
  const start = {
    command: {
      _tag: "Start",
      value: {
        highestRoundPerAuthority: [3n],
        maxBatchItems: 20,
        maxBatchBytes: 4096,
        authorities: [0, 2]
      }
    }
  } as const

  it("are skipped by those who do not know them", () => {
    assert.deepStrictEqual(
      Proto.decode(BlockStreamRequest)(Proto.encode(ExtendedBlockStreamRequest)(start)),
      { command: { _tag: "Start", value: { highestRoundPerAuthority: [3n] } } }
    )
    const blocks = {
      blocks: [bytes(1)],
      highestCommitIndex: 4,
      auxiliaryData: { randomnessSignatures: [bytes(9, 9)] }
    }
    const { auxiliaryData: _, ...plainBlocks } = blocks
    assert.deepStrictEqual(
      Proto.decode(BlockStreamResponse)(Proto.encode(ExtendedBlockStreamResponse)(blocks)),
      plainBlocks
    )
    const commits = { commits: [], highestCommitIndex: 4, certifierBlocks: [bytes(5)] }
    assert.deepStrictEqual(
      Proto.decode(CommitStreamResponse)(Proto.encode(ExtendedCommitStreamResponse)(commits)),
      { commits: [], highestCommitIndex: 4 }
    )
  })

  it("read as not said where the peer does not know them", () => {
    const plain = {
      command: { _tag: "Start", value: { highestRoundPerAuthority: [3n] } }
    } as const
    assert.deepStrictEqual(
      Proto.decode(ExtendedBlockStreamRequest)(Proto.encode(BlockStreamRequest)(plain)),
      {
        command: {
          _tag: "Start",
          value: { highestRoundPerAuthority: [3n], maxBatchItems: 0, maxBatchBytes: 0, authorities: [] }
        }
      }
    )
    const commits = { command: { _tag: "Start", value: { lastCommitIndex: 3n } } } as const
    assert.deepStrictEqual(
      Proto.decode(ExtendedCommitStreamRequest)(Proto.encode(CommitStreamRequest)(commits)),
      { command: { _tag: "Start", value: { lastCommitIndex: 3n, maxBatchItems: 0, maxBatchBytes: 0 } } }
    )
    assert.isNull(Proto.decode(ExtendedBlockStreamResponse)(bytes()).auxiliaryData)
    assert.deepStrictEqual(Proto.decode(ExtendedCommitStreamResponse)(bytes()).certifierBlocks, [])
  })

  it("of the separate service, byte for byte", () => {
    assert.strictEqual(
      toHex(Proto.encode(FetchBlocksRequest)({ refs: [ref] })),
      `0x0a27080210ac021a20${digest.slice(2)}`
    )
    assert.strictEqual(toHex(Proto.encode(FetchBlocksResponse)({ blocks: [bytes(1)] })), "0x0a0101")
    assert.strictEqual(
      toHex(Proto.encode(ReplayInfo)({ earliestCommitIndex: 1, highestCommitIndex: 2 })),
      "0x08011002"
    )
  })
})
