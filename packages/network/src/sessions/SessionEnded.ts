/** How a session ends, in words. */
import { Data } from "effect"
import * as PeerText from "../PeerText.ts"

/** A session ended; `why` is for the log. */
export class SessionEnded extends Data.TaggedError("SessionEnded")<{ readonly why: string }> {}

/** What a library says went wrong: it may quote the peer. */
export const causeText = (cause: unknown): string => {
  if (!(cause instanceof Error)) return PeerText.clean(String(cause))
  return cause.name === "UnexpectedEOFError" ? "the other side has closed it" : PeerText.clean(cause.message)
}
