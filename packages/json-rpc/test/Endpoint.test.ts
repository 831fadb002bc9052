import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Endpoint } from "../src/index.ts"

const of = (url: string) => Result.getOrThrow(Endpoint.from(url))

describe("Endpoint", () => {
  it("connects with everything, and prints none of its secrets", () => {
    const endpoint = of("https://reader:open%20sesame@node.example:8545/v2/key-1?token=key-2")
    assert.deepStrictEqual(endpoint.reveal(), {
      url: "https://node.example:8545/v2/key-1?token=key-2",
      headers: { Authorization: `Basic ${Buffer.from("reader:open sesame").toString("base64")}` }
    })
    for (const shown of [
      String(endpoint),
      JSON.stringify({ endpoint }),
      inspect({ endpoint }, { showHidden: true, depth: 5 }),
      `${Object.values(endpoint)}`,
      String(endpoint.below("dbsync/901"))
    ]) {
      for (const secret of ["reader", "sesame", "key-1", "key-2"]) assert.notInclude(shown, secret)
    }
    assert.strictEqual(String(endpoint), "https://node.example:8545/<redacted>")
    assert.strictEqual(
      endpoint.below("a/b").reveal().url,
      "https://node.example:8545/v2/key-1/a/b?token=key-2"
    )
  })
  it("prints a plain one as it is", () => {
    for (const url of ["http://127.0.0.1:8545", "ws://[::1]:1"]) assert.strictEqual(String(of(url)), url)
    assert.deepStrictEqual(of("http://h").reveal().headers, {})
  })
  it("says what is wrong without repeating the text", () => {
    for (const text of ["", "localhost:1", "ftp://u:secret@h", "http://", "secret"]) {
      const found = Endpoint.from(text, ["http:"])
      assert.isTrue(Result.isFailure(found), text)
      if (Result.isFailure(found)) assert.strictEqual(found.failure.message, "expected a URL with http://")
    }
  })
  it("tells apart those that print alike", () =>
    assert.deepStrictEqual(Endpoint.names(["http://h/a", "http://h/b", "http://i"].map(of)), [
      "http://h/<redacted> (1)",
      "http://h/<redacted> (2)",
      "http://i"
    ]))
})
