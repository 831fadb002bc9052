/** What `observe` prints, and how transactions are decoded by a module of somebody else's. */
import { assert, describe, it } from "@effect/vitest"
import type { CommitDeriver } from "@ephor/streaming"
import { Effect, Schema } from "effect"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import * as Decoder from "../src/observe/Decoder.ts"
import * as Lines from "../src/observe/Lines.ts"
import * as Socket from "../src/observe/Socket.ts"
import { temporary } from "./processes.ts"

const digest = (byte: string) => `0x${byte.repeat(32)}` as const
const block = (author: number, transactions: ReadonlyArray<Uint8Array>) => ({
  ref: { round: 3, author, digest: digest(`0${author}`) },
  bytes: Uint8Array.of(7, author),
  block: { _tag: "V1", value: { timestampMs: 5, transactions } }
})
const commit = {
  index: 9,
  digest: digest("aa"),
  leader: { round: 3, author: 1, digest: digest("01") },
  timestampMs: 6,
  blocks: [block(0, [Uint8Array.of(1, 2)]), block(1, [Uint8Array.of(3), new Uint8Array(0)])]
} as unknown as CommitDeriver.ObservedCommit
const printed = (kind: Lines.Kind, decode: Decoder.Decoder = Decoder.bytes) =>
  Lines.linesOf(kind, decode)(commit).map((line) => JSON.parse(line) as unknown)

const last = { index: 9, digest: digest("aa"), leader: commit.leader, timestampMs: 6, blocks: 2 }

describe("Lines", () => {
  it("of commits", () => assert.deepStrictEqual(printed("commits"), [last]))

  it("of blocks: their bytes, then the commit", () =>
    assert.deepStrictEqual(printed("blocks"), [
      { commit: 9, block: commit.blocks[0]!.ref, timestampMs: 5, transactions: 1, bytes: "0x0700" },
      { commit: 9, block: commit.blocks[1]!.ref, timestampMs: 5, transactions: 2, bytes: "0x0701" },
      last
    ]))

  it("of transactions: each in its block, then the commit", () =>
    assert.deepStrictEqual(printed("transactions"), [
      { commit: 9, block: commit.blocks[0]!.ref, transaction: 0, bytes: "0x0102" },
      { commit: 9, block: commit.blocks[1]!.ref, transaction: 0, bytes: "0x03" },
      { commit: 9, block: commit.blocks[1]!.ref, transaction: 1, bytes: "0x" },
      last
    ]))
})

describe("Decoder", () => {
  const load = (text: string) =>
    Effect.acquireUseRelease(
      Effect.sync(temporary),
      (folder) => {
        const path = join(folder.path, "decoder.mjs")
        writeFileSync(path, text)
        return Decoder.load(path)
      },
      (folder) => Effect.sync(() => folder[Symbol.dispose]())
    )

  it.effect("prints what a function makes of the bytes, and what it throws beside them", () =>
    Effect.gen(function* () {
      const decode = yield* load(
        "export default (bytes) => { if (bytes.length === 0) throw new Error('too short'); return { sum: BigInt(bytes[0]), bytes } }"
      )
      assert.deepStrictEqual(decode(Uint8Array.of(3, 4)), { value: { sum: "3", bytes: "0x0304" } })
      assert.deepStrictEqual(decode(new Uint8Array(0)), { bytes: "0x", fault: "too short" })
      assert.deepStrictEqual(
        printed("transactions", decode).at(-1),
        last,
        "a decoder that throws stops nothing"
      )
    })
  )

  it("takes what no JSON can hold for a fault", () => {
    const circle: Array<unknown> = []
    circle.push(circle)
    assert.match(Decoder.of(() => circle)(new Uint8Array(0)).fault ?? "", /circular/)
    assert.deepStrictEqual(Decoder.of(() => undefined)(new Uint8Array(0)), { value: null })
  })

  it("takes an Effect schema over bytes", () => {
    const length = Schema.Uint8Array.check(Schema.isMinLength(1))
    assert.deepStrictEqual(Decoder.from(length)?.(Uint8Array.of(1)), { value: "0x01" })
    assert.isDefined(Decoder.from(length)?.(new Uint8Array(0)).fault)
  })

  it.effect("says what cannot be used", () =>
    Effect.gen(function* () {
      assert.match(
        (yield* Effect.flip(load("export default 7"))).message,
        /^the decoder .* has no default export/
      )
      assert.match((yield* Effect.flip(load("!"))).message, /^the decoder .* cannot be loaded: /)
    })
  )
})

describe("Socket", () => {
  it.live("writes to whoever listens, and says when nobody does, or does no longer", () =>
    Effect.acquireUseRelease(
      Effect.sync(temporary),
      (folder) =>
        Effect.gen(function* () {
          const path = join(folder.path, "reader")
          assert.match((yield* Effect.flip(Effect.scoped(Socket.open(path)))).message, /^nobody listens on/)
          let heard = ""
          const server = createServer((socket) => {
            socket.on("data", (bytes) => {
              heard += bytes.toString()
              if (heard.includes("bye")) socket.destroy()
            })
          })
          yield* Effect.callback<void>((resume) => void server.listen(path, () => resume(Effect.void)))
          yield* Effect.scoped(
            Effect.gen(function* () {
              const write = yield* Socket.open(path)
              yield* write("one\n")
              yield* write("bye\n")
              const error = yield* Effect.flip(
                Effect.forever(Effect.andThen(write("x\n"), Effect.sleep("5 millis")))
              )
              assert.match(error.message, /^the socket .* is gone: /)
            })
          )
          assert.match(heard, /^one\nbye\n/)
          server.close()
        }),
      (folder) => Effect.sync(() => folder[Symbol.dispose]())
    )
  )
})
