import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Jwt from "../src/Jwt.ts"
import { vectors } from "./vectors.ts"

const jwt = vectors("jwt")
const secret = Jwt.parseSecret(jwt.secretHex)!
const redacted = Redacted.make(secret)
const issue = (iat: number) => Effect.runPromise(Jwt.issue(redacted, iat))
const refusal = (authorization: string | undefined, nowSeconds: number) =>
  Effect.runPromise(Jwt.refusal(redacted, authorization, nowSeconds))
const now = 1_700_000_000
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const token = (claims: unknown, header: unknown = { alg: "HS256", typ: "JWT" }) => {
  const body = `${encode(header)}.${encode(claims)}`
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`
}
const tokenNamed = (name: string): string =>
  jwt.tokens.find((entry: any) => entry.name.startsWith(name)).token

describe("issue", () => {
  it("makes the token of the vectors", async () => {
    assert.strictEqual(await issue(now), tokenNamed("plain iat"))
    assert.strictEqual(token({ iat: now }), tokenNamed("plain iat"))
  })
  it("makes the token that an execution client makes of the same secret", async () => {
    const counting = Redacted.make(Uint8Array.from({ length: 32 }, (_, at) => at + 1))
    assert.strictEqual(
      await Effect.runPromise(Jwt.issue(counting, 1_700_000_000)),
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDB9.PImRAQ9ASfA6sNaNXGOwlr2pLWNLJ5SQEyzckOr3ufo"
    )
  })
})

describe("refusal", () => {
  const verdicts: ReadonlyArray<readonly [string, string | undefined]> = [
    ["plain iat", undefined],
    ["extra claim", undefined],
    ["with exp", undefined],
    ["HS512", "signing method HS512 is invalid"],
    ["missing iat", "missing issued-at"],
    ["wrong secret", "signature is invalid"]
  ]
  for (const [name, why] of verdicts) {
    it(`${name}: ${why ?? "accepted"}`, async () => {
      assert.strictEqual(await refusal(Jwt.bearer(tokenNamed(name)), now), why)
    })
  }
  it("covers all tokens of the vectors", () => assert.strictEqual(jwt.tokens.length, verdicts.length))

  const good = tokenNamed("plain iat")
  const replaced: Record<string, string | undefined> = {
    "Bearer <token iat=now>": Jwt.bearer(good),
    "Bearer <token iat=now+4>": Jwt.bearer(token({ iat: now + 4 })),
    "Bearer <token iat=now-4>": Jwt.bearer(token({ iat: now - 4 })),
    "Bearer <token iat=now, exp=now+2>": Jwt.bearer(token({ iat: now, exp: now + 2 })),
    "Bearer <token iat=now, bar=baz>": Jwt.bearer(token({ iat: now, bar: "baz" })),
    "Bearer <token iat=now+120>": Jwt.bearer(token({ iat: now + 120 })),
    "Bearer <token iat=now-61>": Jwt.bearer(token({ iat: now - 61 })),
    "Bearer <HS512 token>": Jwt.bearer(tokenNamed("HS512")),
    "Bearer <token iat=now, exp=now>": Jwt.bearer(token({ iat: now, exp: now })),
    "Bearer <token without iat>": Jwt.bearer(tokenNamed("missing iat")),
    "Bearer <token signed with another secret>": Jwt.bearer(tokenNamed("wrong secret")),
    "(no header)": undefined,
    "<token> without scheme": good,
    "bearer <token>  (lower-case scheme)": `bearer ${good}`,
    "Bearer: <token>": `Bearer: ${good}`,
    "Bearer:<token>": `Bearer:${good}`,
    "Bearer\\t<token>": `Bearer\t${good}`,
    "Bearer  <token>  (two spaces)": `Bearer  ${good}`,
    "Bearer \\t<token>": `Bearer \t${good}`
  }
  for (const { auth, body, ok } of jwt.matrix) {
    it(`${auth}: ${ok ? "accepted" : (body ?? "refused").trim()}`, async () => {
      assert.property(replaced, auth)
      const why = await refusal(replaced[auth], now)
      assert.strictEqual(why === undefined, ok)
      if (body !== undefined) assert.strictEqual(`${why}\n`, body)
    })
  }
  it("exactly sixty seconds are accepted, a moment more is not", async () => {
    const at = (iat: number, nowSeconds: number) => refusal(Jwt.bearer(token({ iat })), nowSeconds)
    assert.isUndefined(await at(now - 60, now))
    assert.isUndefined(await at(now + 60, now))
    assert.strictEqual(await at(now - 60, now + 0.001), "stale token")
    assert.strictEqual(await at(now + 60, now - 0.001), "future token")
  })
  it("the order of the checks", async () => {
    const both = token({ iat: now - 100, exp: now - 50 })
    assert.strictEqual(await refusal(Jwt.bearer(both), now), "token is expired")
    assert.strictEqual(await refusal(Jwt.bearer(token({ exp: now - 1 })), now), "token is expired")
    assert.strictEqual(await refusal(Jwt.bearer(`${both}x`), now), "signature is invalid")
    assert.strictEqual(await refusal(Jwt.bearer(token({ iat: "x" })), now), "invalid token")
  })
  it("never accepts, nor falls over, what is cut or changed", async () => {
    for (let at = 0; at < good.length; at++) {
      assert.isDefined(await refusal(Jwt.bearer(good.slice(0, at)), now), String(at))
      const other = good[at] === "A" ? "B" : "A"
      // The last character carries four bits of the tag and two of nothing.
      if (at < good.length - 1)
        assert.isDefined(await refusal(Jwt.bearer(good.slice(0, at) + other + good.slice(at + 1)), now))
    }
    for (const strange of [
      "..",
      "a.b",
      "a.b.c.d",
      `${encode(7)}.${encode(7)}.`,
      `${encode({ alg: "none" })}.${encode({ iat: now })}.`
    ]) {
      assert.isDefined(await refusal(Jwt.bearer(strange), now), strange)
    }
  })
  it("repeats nothing that a stranger made up", async () => {
    const why = await refusal(Jwt.bearer(token({ iat: now }, { alg: "<script>alert(1)</script>" })), now)
    assert.strictEqual(why, "signing method (alg) is invalid")
  })
})

describe("parseSecret", () => {
  const digits = jwt.secretHex.slice(2)
  it("takes 64 digits, with or without 0x and white space", () => {
    for (const text of [digits, `0x${digits}`, `  0x${digits}\n`, digits.toUpperCase()]) {
      assert.deepStrictEqual(Jwt.parseSecret(text), secret, text)
    }
    assert.strictEqual(Jwt.formatSecret(secret), jwt.secretFile)
  })
  it("takes nothing else", () => {
    for (const text of [
      "",
      "0x",
      digits.slice(2),
      `${digits}00`,
      `0x0x${digits}`,
      `g${digits.slice(1)}`,
      `${digits} x`
    ]) {
      assert.isUndefined(Jwt.parseSecret(text), text)
    }
  })
})
