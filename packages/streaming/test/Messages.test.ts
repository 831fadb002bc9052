import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { CommittedSubDag, Proto, toHex } from "@ephor/types"
import { FrameCache, Grpc, Messages } from "../src/index.ts"

const digest = `0x${"ab".repeat(32)}` as const
const commit = (commitIndex: number, size: number) => ({
  commitIndex,
  leader: { author: 3, round: 9, digest },
  blocks: [new Uint8Array(size).fill(1), Uint8Array.of(2)],
  timestampMs: 1_700_000_000_000
})

describe("Messages", () => {
  it("writes what protoc would write", () => {
    const start = { command: { _tag: "Start", value: { highestRoundPerAuthority: [1, 300] } } } as const
    assert.strictEqual(toHex(Messages.encodeBlockRequest(start)), "0x0a050a0301ac02")
    assert.strictEqual(toHex(Messages.encodeBlockRequest({ command: { _tag: "Stop" } })), "0x1200")
    const after = { command: { _tag: "Start", value: { lastCommitIndex: 300 } } } as const
    assert.strictEqual(toHex(Messages.encodeCommitRequest(after)), "0x0a0308ac02")
    assert.strictEqual(
      toHex(Messages.encodeBlockResponse({ blocks: [Uint8Array.of(7)], highestCommitIndex: 5 })),
      "0x0a01071005"
    )
    assert.strictEqual(Messages.encodeBlockResponse({ blocks: [], highestCommitIndex: 0 }).length, 0)
  })

  const rounds = (bytes: ReadonlyArray<number>) => {
    const request = Result.getOrThrow(Messages.decodeBlockRequest(Uint8Array.from(bytes)))
    return request.command?._tag === "Start"
      ? request.command.value.highestRoundPerAuthority
      : request.command
  }
  it("extends a start by wishes, which the seed's readers skip", () => {
    const value = { highestRoundPerAuthority: [5], maxBatchItems: 3, maxBatchBytes: 300, authorities: [2, 1] }
    const bytes = Messages.encodeBlockRequest({ command: { _tag: "Start", value } })
    assert.strictEqual(toHex(bytes), "0x0a0c0a0105100318ac0222020201")
    assert.deepStrictEqual(Result.getOrThrow(Messages.decodeBlockRequest(bytes)).command, {
      _tag: "Start",
      value
    })
    const commits = { lastCommitIndex: 7, maxBatchBytes: 9 }
    const request = Messages.encodeCommitRequest({ command: { _tag: "Start", value: commits } })
    assert.deepStrictEqual(Result.getOrThrow(Messages.decodeCommitRequest(request)).command, {
      _tag: "Start",
      value: commits
    })
  })

  it("reads packed and unpacked rounds, and mixtures", () => {
    assert.deepStrictEqual(rounds([0x0a, 0x04, 0x0a, 0x02, 1, 2]), [1, 2])
    assert.deepStrictEqual(rounds([0x0a, 0x04, 0x08, 1, 0x08, 2]), [1, 2])
    assert.deepStrictEqual(rounds([0x0a, 0x06, 0x08, 1, 0x0a, 0x02, 2, 3]), [1, 2, 3])
  })
  it("reads a batch of blocks out of parts that were cut anywhere, like one in one piece", () => {
    const blocks = [Uint8Array.of(7), new Uint8Array(0), new Uint8Array(300).fill(9), Uint8Array.of(1, 2, 3)]
    const bytes = Messages.encodeBlockResponse({ blocks, highestCommitIndex: 70_000 })
    const whole = Result.getOrThrow(Messages.decodeBlockResponse(bytes))
    for (let one = 0; one <= bytes.length; one++) {
      for (const two of [one, one + 1, one + 150, bytes.length]) {
        const parts = [bytes.subarray(0, one), bytes.subarray(one, two), bytes.subarray(two)]
        const read = Result.getOrThrow(Messages.decodeBlockParts(parts))
        assert.deepStrictEqual(
          read.blocks.map((block) => [...block]),
          whole.blocks.map((block) => [...block])
        )
        assert.strictEqual(read.highestCommitIndex, 70_000)
      }
    }
    assert.strictEqual(Result.getOrThrow(Messages.decodeBlockParts([])).blocks.length, 0)
  })
  const odd: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
    ["an unknown field", [0x1a, 1, 9, 0x0a, 1, 7]],
    ["a padded varint", [0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 7]],
    ["an index above 32 bits", [0x10, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ["a block that is longer than the message", [0x0a, 5, 1, 2]],
    ["a length that is cut off", [0x0a, 0x80]],
    ["an index of another wire type", [0x15, 1, 0, 0, 0]],
    ["an index twice", [0x10, 1, 0x10, 2]],
    ["a padded length", [0x0a, 0x82, 0x00, 7, 8, 0x0a, 1, 9]],
    ["a padded length at the end", [0x0a, 0x82, 0x00]]
  ]
  for (const [title, bytes] of odd)
    it(`reads in parts what it reads in one piece: ${title}`, () => {
      const message = Uint8Array.from(bytes)
      const whole = Messages.decodeBlockResponse(message)
      assert.deepStrictEqual(Messages.decodeBlockParts([message]), whole)
      assert.deepStrictEqual(
        Messages.decodeBlockParts([...message].map((byte) => Uint8Array.of(byte))),
        whole
      )
    })
  it("keeps blocks that were cut apart from each other", () => {
    const sizes = Array.from({ length: 200 }, (_, i) => 700 + 113 * i)
    const blocks = sizes.map((size, i) => new Uint8Array(size).fill(i))
    const read = blocks.map((block) => {
      const message = Messages.encodeBlockResponse({ blocks: [block], highestCommitIndex: 0 })
      const parts = [message.subarray(0, 300), message.subarray(300)]
      return Result.getOrThrow(Messages.decodeBlockParts(parts)).blocks[0]!
    })
    for (const [i, block] of read.entries())
      assert.isTrue(Buffer.from(block).equals(blocks[i]!), `block ${i}`)
  })

  it("P6: rounds above 32 bits saturate", () => {
    assert.deepStrictEqual(
      rounds([0x0a, 0x0b, 0x08, ...Array.from({ length: 9 }, () => 0xff), 1]),
      [0xffff_ffff]
    )
    assert.deepStrictEqual(rounds([0x0a, 0x06, 0x08, 0x80, 0x80, 0x80, 0x80, 0x10]), [0xffff_ffff])
  })
  it("takes an unknown command for none, and the last of several", () => {
    assert.strictEqual(rounds([]), null)
    assert.strictEqual(rounds([0x1a, 0x00]), null)
    assert.deepStrictEqual(rounds([0x0a, 0x00, 0x12, 0x00]), { _tag: "Stop" })
  })
  it("refuses garbage, and claims above 32 bits", () => {
    assert.isTrue(Result.isFailure(Messages.decodeBlockRequest(Uint8Array.of(0x0a, 0x05, 1))))
    const claim = Messages.decodeBlockResponse(Uint8Array.of(0x10, 0x80, 0x80, 0x80, 0x80, 0x10))
    assert.isTrue(Result.isFailure(claim) && claim.failure.fault === "OutOfRange")
  })
})

describe("a commit", () => {
  const codec = Proto.decodeResult(CommittedSubDag)
  /** What bytes spell by the codec, or why they spell nothing. */
  const same = (bytes: Uint8Array, what: string) => {
    const [ours, its] = [Messages.decodeCommit(bytes), codec(bytes)]
    assert.strictEqual(ours._tag, its._tag, what)
    if (ours._tag === "Success" && its._tag === "Success")
      assert.deepStrictEqual(ours.success, its.success, what)
    else if (ours._tag === "Failure" && its._tag === "Failure")
      assert.strictEqual(ours.failure.message, its.failure.message, what)
  }

  it("reads the same, written as usual or not, whole, cut, and with any byte changed", () => {
    const zero = { commitIndex: 0, leader: { author: 0, round: 0, digest }, blocks: [], timestampMs: 0 }
    for (const one of [commit(1, 5), commit(0xffff_ffff, 300), commit(300, 0), zero]) {
      const bytes = Messages.encodeCommit(one)
      same(bytes, "whole")
      for (let at = 0; at < bytes.length; at++) {
        same(bytes.subarray(0, at), `cut at ${at}`)
        for (const flip of [0x01, 0x08, 0x7f, 0x80, 0xff]) {
          const changed = Uint8Array.from(bytes)
          changed[at]! ^= flip
          same(changed, `byte ${at} ^ ${flip}`)
        }
      }
      same(Uint8Array.of(...bytes, 0x78, 1), "with a field that nobody knows")
      same(Uint8Array.of(...bytes, ...bytes), "twice")
    }
  })

  it("hands over views of the bytes", () => {
    const bytes = Messages.encodeCommit(commit(1, 5))
    for (const block of Result.getOrThrow(Messages.decodeCommit(bytes)).blocks)
      assert.strictEqual(block.buffer, bytes.buffer)
  })

  it("goes out again in the bytes that it was read from", () => {
    const original = commit(7, 300)
    const bytes = Messages.encodeCommit(original)
    const read = Result.getOrThrow(Messages.decodeCommit(bytes))
    FrameCache.keepCommit(read, bytes)
    const of = (one: typeof original) => ({ commits: [one, commit(8, 1)], highestCommitIndex: 9 })
    assert.deepStrictEqual(
      FrameCache.commitFrame(of(read as typeof original)),
      FrameCache.commitFrame(of(original))
    )
    assert.deepStrictEqual(FrameCache.commitField(read), FrameCache.commitField(original))
    assert.strictEqual(FrameCache.commitBytes(read), FrameCache.commitField(read).length)
  })
})

describe("FrameCache", () => {
  it("assembles the bytes that the codec would write", () => {
    for (const size of [0, 1, 127, 128, 20_000]) {
      for (const highestCommitIndex of [0, 1, 128, 0xffff_ffff]) {
        const blocks = { blocks: [new Uint8Array(size), Uint8Array.of(1, 2)], highestCommitIndex }
        assert.deepStrictEqual(
          FrameCache.blockFrame(blocks),
          Grpc.frame(Messages.encodeBlockResponse(blocks))
        )
        const commits = { commits: [commit(1, size), commit(2, 3)], highestCommitIndex }
        assert.deepStrictEqual(
          FrameCache.commitFrame(commits),
          Grpc.frame(Messages.encodeCommitResponse(commits))
        )
      }
    }
    const heartbeat = { blocks: [], highestCommitIndex: 0 }
    assert.deepStrictEqual([...FrameCache.blockFrame(heartbeat)], [0, 0, 0, 0, 0])
  })
  it("encodes a response once, and a commit once for all responses", () => {
    const shared = commit(1, 10)
    const one = { commits: [shared], highestCommitIndex: 1 }
    assert.strictEqual(FrameCache.commitFrame(one), FrameCache.commitFrame(one))
    assert.strictEqual(FrameCache.commitField(shared), FrameCache.commitField(shared))
    assert.isAtLeast(FrameCache.commitBytes(commit(1, 5000)), FrameCache.commitField(commit(1, 5000)).length)
  })
})
