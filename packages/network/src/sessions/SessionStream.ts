/**
 * The stream that a session runs on: frames that are read and written one by one.
 */
import type { Stream as Libp2pStream } from "@libp2p/interface"
import { lpStream } from "@libp2p/utils"
import { Effect, Metric } from "effect"
import * as Frames from "../libp2p/Frames.ts"
import * as Metrics from "../Metrics.ts"
import type { PeerId } from "../Network.ts"
import { maxSmallFrameBytes } from "./Receiving.ts"
import { causeText, SessionEnded } from "./SessionEnded.ts"

const ended = (cause: unknown) => new SessionEnded({ why: causeText(cause) })

/** See the head of the file. */
export class SessionStream {
  /** Who is at the other end. */
  readonly peer: PeerId
  /** The next frame. */
  readonly read: Effect.Effect<Frames.Frame, SessionEnded>
  /** Sends a frame. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, SessionEnded>
  readonly #stream: Libp2pStream
  /** How long a frame may be is looked up for each frame: a stranger's hello first, then what its role may send. */
  readonly #bounds = { maxDataLength: maxSmallFrameBytes, maxLengthLength: 4 }

  constructor(stream: Libp2pStream, peer: PeerId) {
    this.peer = peer
    this.#stream = stream
    const framed = lpStream(stream, this.#bounds)
    this.read = Effect.tryPromise({ try: (signal) => framed.read({ signal }), catch: ended }).pipe(
      Effect.map((list) => Frames.openFrame(list.subarray()))
    )
    this.write = (bytes) =>
      Effect.tryPromise({ try: (signal) => framed.write(bytes, { signal }), catch: ended })
  }

  /** Takes frames up to this length from now on. */
  allow(maxFrameBytes: number): void {
    this.#bounds.maxDataLength = maxFrameBytes
  }

  /** Tells the peer why there is no session with it. */
  refuse(why: string): Effect.Effect<never, SessionEnded> {
    return Effect.gen({ self: this }, function* () {
      yield* Metric.update(Metrics.refused, 1)
      yield* Effect.logInfo(`peer ${this.peer} is refused: ${why}`)
      yield* Effect.ignore(Effect.timeoutOption(this.write(Frames.goodbyeFrame(why)), 500))
      return yield* new SessionEnded({ why })
    })
  }

  /** Closes it in good order; cuts it, if that does not succeed. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#stream.close({ signal }).catch((cause) => this.#stream.abort(cause))
  }
}
