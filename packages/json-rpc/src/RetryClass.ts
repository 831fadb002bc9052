/**
 * What a failed call means for the next one: come back later, do not ask for this method again, or give up. One table
 * of the codes and the words in which servers and providers say so.
 *
 * Sources: op-service `sources/receipts_rpc.go` (`unusableMethod`) and its rate limit handling, EIP-1474 (-32005 "limit
 * exceeded"), go-ethereum `rpc/errors.go`, the errors that Infura, Alchemy, QuickNode and Erigon document.
 */

/** The parts of an error that decide. */
export type Failure =
  | { readonly _tag: "Refused"; readonly code: number; readonly text: string }
  | { readonly _tag: "HttpStatus" | "Unauthorized"; readonly status: number }
  | { readonly _tag: string }

/** HTTP statuses that pass: a timeout on the way, too early, too many requests, and whatever is wrong with the server. */
const laterStatuses = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * Codes of JSON-RPC errors that pass: an HTTP status in the place of a code, EIP-1474's "limit exceeded", go-ethereum's
 * timeout, and those of providers for their limits (QuickNode -32007, Infura -32016 and -32097).
 */
const laterCodes = new Set([408, 429, 503, -32_005, -32_002, -32_007, -32_016, -32_097])

/** Words for the same: the code is often that of everything. */
const laterWords =
  /rate.?limit|too many requests|^limit exceeded|requests? (count |rate )?(limit )?exceeded|request limit reached|(compute units|throughput|capacity).{0,30}exceeded|exceeded.{0,30}(compute units|throughput|capacity|requests per)|(is|still) (starting|initiali[sz]ing|syncing)|starting up|not ready|(service|temporarily) unavailable|try again|retry later|timed? ?out|overloaded|server is busy|no (healthy )?backends?/i

/** Codes by which servers say that a method, or a method of this form, is not offered (`unusableMethod`). */
const unusableCodes = new Set([-32_601, -32_600, -32_602, -32_004])

/** Words for the same, under whatever code: -32001 of proxyd, -32000 of others. */
const unusableWords =
  /unsupported method|method.{0,80}(not supported|not found|not available|not whitelisted|not allowed|not implemented|disabled|is unavailable|does not exist)|unknown method|invalid param|is not available|not whitelisted|not supported|not implemented|unrecognized method/i

/** Whether the same call may succeed later, without anybody doing anything. */
export const isLater = (failure: Failure): boolean => {
  if (failure._tag === "Disconnected" || failure._tag === "TimedOut") return true
  if ("code" in failure) return laterCodes.has(failure.code) || laterWords.test(failure.text)
  return failure._tag === "HttpStatus" && "status" in failure && laterStatuses.has(failure.status)
}

/** Whether the server does not offer the method: another way to learn the same is to be used from now on. */
export const isUnusableMethod = (failure: Failure): boolean =>
  "code" in failure &&
  !isLater(failure) &&
  (unusableCodes.has(failure.code) || unusableWords.test(failure.text))

/** What to do after a failure. */
export type RetryClass = "Later" | "OtherMethod" | "Final"

/** The class of a failure. */
export const of = (failure: Failure): RetryClass =>
  isLater(failure) ? "Later" : isUnusableMethod(failure) ? "OtherMethod" : "Final"
