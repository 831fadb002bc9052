/**
 * The beginning of a session: each side says hello, and learns who the other one is.
 */
import { Effect } from "effect"
import type { Hash } from "@ephor/types"
import * as Handshake from "../Handshake.ts"
import * as Frames from "../libp2p/Frames.ts"
import type { Peer, PeerId } from "../Network.ts"
import { SessionEnded } from "./SessionEnded.ts"
import type { SessionStream } from "./SessionStream.ts"

/** Who we are, and how we know the other. */
export interface Introduction {
  readonly self: PeerId
  readonly genesis: Hash
  readonly authority: Handshake.Authority | undefined
  readonly verify: Handshake.Verify
  readonly helloTimeoutMs: number
}

/** Says hello, and takes that of the peer; one that does not hold, or does not come in time, ends the session. */
export const greet = (
  stream: SessionStream,
  { authority, genesis, helloTimeoutMs, self, verify }: Introduction
): Effect.Effect<Peer, SessionEnded> => {
  const id = stream.peer
  return Effect.gen(function* () {
    yield* stream.write(Frames.helloFrame(yield* Handshake.hello(genesis, authority, self, id)))
    const first = yield* stream.read
    if (first._tag === "Goodbye") {
      yield* Effect.logWarning(`peer ${id} refuses us: ${first.why}`)
      return yield* new SessionEnded({ why: `it refuses us: ${first.why}` })
    }
    if (first._tag !== "Hello" || first.bytes.length > Handshake.maxHelloBytes)
      return yield* stream.refuse("no hello")
    return yield* Effect.catchTag(
      Handshake.open(first.bytes, genesis, self, id, verify),
      "HelloRefused",
      ({ why }) => stream.refuse(why)
    )
  }).pipe(
    Effect.timeoutOrElse({
      duration: helloTimeoutMs,
      orElse: () => stream.refuse(`no hello within ${helloTimeoutMs} ms`)
    })
  )
}
