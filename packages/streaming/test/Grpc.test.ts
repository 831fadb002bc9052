import { assert, describe, it } from "@effect/vitest"
import { Grpc } from "../src/index.ts"

const bytes = (...parts: ReadonlyArray<Uint8Array>) => Uint8Array.from(parts.flatMap((part) => [...part]))

describe("Grpc", () => {
  const messages = [new Uint8Array(0), Uint8Array.of(1, 2, 3), new Uint8Array(300).fill(7)]
  const wire = bytes(...messages.map(Grpc.frame))

  it("puts messages together that were cut at any byte", () => {
    for (let size = 1; size <= wire.length; size++) {
      const deframer = new Grpc.Deframer(1000)
      const out: Array<Uint8Array> = []
      for (let at = 0; at < wire.length; at += size) {
        const got = deframer.push(wire.subarray(at, at + size))
        assert.isFalse(Grpc.isFault(got))
        out.push(...(got as ReadonlyArray<Uint8Array>))
      }
      assert.deepStrictEqual(
        out.map((one) => [...one]),
        messages.map((one) => [...one])
      )
      assert.strictEqual(deframer.pendingBytes, 0)
    }
  })

  it("copies nothing: a message is views of the chunks that it came in", () => {
    const chunks = [wire.subarray(0, 100), wire.subarray(100, 200), wire.subarray(200)]
    const deframer = new Grpc.Deframer(1000)
    const parts = chunks.map((chunk) => deframer.pushParts(chunk))
    const last = parts[2] as ReadonlyArray<Grpc.Parts>
    assert.deepStrictEqual(
      parts.map((messages) => (messages as ReadonlyArray<Grpc.Parts>).length),
      [2, 0, 1]
    )
    assert.strictEqual(last[0]!.length, 3)
    for (const part of last[0]!) assert.strictEqual(part.buffer, wire.buffer)
  })

  it("refuses a message above the limit from its prefix alone", () => {
    const got = new Grpc.Deframer(10).push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff))
    assert.deepStrictEqual(got, {
      status: 8,
      why: "message of 4294967295 bytes is above the limit of 10 bytes"
    })
  })

  it("refuses compression that nobody agreed on, and unknown flags", () => {
    for (const flag of [1, 2, 255]) {
      const got = new Grpc.Deframer(10).push(Uint8Array.of(flag, 0, 0, 0, 0))
      assert.isTrue(Grpc.isFault(got) && got.status === 13)
    }
  })

  it("percent-encodes messages, and reads them back", () => {
    const text = "100 % of “commits”\r\nare späť"
    const encoded = Grpc.encodeMessage(text)
    assert.match(encoded, /^[\x20-\x7e]*$/)
    assert.strictEqual(encoded.slice(0, 12), "100 %25 of %")
    assert.strictEqual(Grpc.decodeMessage(encoded), text)
    assert.strictEqual(Grpc.decodeMessage("broken %zz %4"), "broken %zz %4")
  })

  const timeouts: ReadonlyArray<readonly [string, number | undefined]> = [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3000],
    ["250m", 250],
    ["1500u", 1.5],
    ["1000000n", 1],
    ["123456789S", undefined],
    ["", undefined],
    ["5", undefined],
    ["-1S", undefined]
  ]
  for (const [text, ms] of timeouts)
    it(`timeout "${text}"`, () => assert.strictEqual(Grpc.parseTimeout(text), ms))

  const paths: ReadonlyArray<readonly [string, ReturnType<typeof Grpc.pathOf>]> = [
    ["/BlockStreamService/StreamBlocks", { service: "BlockStreamService", method: "StreamBlocks" }],
    ["/a.v1.Service/Method", { service: "a.v1.Service", method: "Method" }],
    ["/BlockStreamService", undefined],
    ["BlockStreamService/StreamBlocks", undefined],
    ["/a/b/c", undefined],
    ["/observer.v1./StreamBlocks", undefined],
    ["/.Service/Method", undefined],
    [`/${"a".repeat(60_000)}`, undefined]
  ]
  for (const [path, parts] of paths)
    it(`path ${path}`, () => assert.deepStrictEqual(Grpc.pathOf(path), parts))

  it("knows its content types", () => {
    for (const good of ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"]) {
      assert.isTrue(Grpc.isContentType(good))
    }
    for (const bad of [undefined, "", "application/json", "application/grpc-web", "application/grpc+json"]) {
      assert.isFalse(Grpc.isContentType(bad))
    }
  })
})
