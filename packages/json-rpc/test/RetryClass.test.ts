import { assert, describe, it } from "@effect/vitest"
import { RetryClass } from "../src/index.ts"

const refused = (code: number, text: string) => ({ _tag: "Refused", code, text }) as const
const status = (status: number) => ({ _tag: "HttpStatus", status }) as const

/** What servers and providers answer, and what it means. */
const table: ReadonlyArray<readonly [RetryClass.Failure, RetryClass.RetryClass]> = [
  [{ _tag: "Disconnected" }, "Later"],
  [{ _tag: "TimedOut" }, "Later"],
  [status(429), "Later"],
  [status(408), "Later"],
  [status(503), "Later"],
  [status(404), "Final"],
  [{ _tag: "Unauthorized", status: 401 }, "Final"],
  [{ _tag: "Malformed" }, "Final"],
  [refused(429, "compute units per second exceeded"), "Later"],
  [refused(-32_005, "limit exceeded"), "Later"],
  [refused(-32_000, "This request has been rate limited."), "Later"],
  [refused(-32_000, "Your app has exceeded its compute units per second capacity"), "Later"],
  [refused(-32_000, "the node is still starting"), "Later"],
  [refused(-32_002, "request timed out"), "Later"],
  [refused(-32_601, "the method eth_getBlockReceipts does not exist/is not available"), "OtherMethod"],
  [refused(-32_600, "Unsupported method: eth_getBlockReceipts"), "OtherMethod"],
  [refused(-32_001, "rpc method is not whitelisted"), "OtherMethod"],
  [refused(-32_000, "Unknown method"), "OtherMethod"],
  [refused(-32_000, "execution reverted"), "Final"],
  [refused(-32_000, "distance to target block exceeds maximum proof window"), "Final"],
  [refused(-32_000, "query exceeds max block range limit"), "Final"]
]

describe("RetryClass", () => {
  for (const [failure, expected] of table)
    it(`${JSON.stringify(failure)} is ${expected}`, () =>
      assert.strictEqual(RetryClass.of(failure), expected))
})
