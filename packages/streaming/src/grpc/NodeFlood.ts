/**
 * Rates: what a peer may do again and again on one connection. A bucket holds a burst and fills at a rate; who empties
 * it is cut off with GOAWAY ENHANCE_YOUR_CALM.
 */
import * as Http2 from "node:http2"

/** So many at once, and so many per second after that. */
export class Bucket {
  readonly #perMs: number
  readonly #burst: number
  #left: number
  #filledMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#left = burst
    this.#filledMs = nowMs
  }

  /** Takes one; whether there was one. */
  take(nowMs: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#filledMs) * this.#perMs)
    this.#filledMs = nowMs
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}

/** Limits on frames that cost the sender next to nothing. */
export interface ControlLimits {
  readonly controlFramesPerSecond: number
  readonly controlFrameBurst: number
}

/** A PING after at least so many bytes of ours measures our bandwidth, and is as welcome as they are. */
const bytesPerPing = 1024

/**
 * PING and SETTINGS that are welcome after any DATA or HEADERS of ours, however small: a peer that measures bandwidth
 * sends a PING per window of data. (gRFC A8: a frame of the server's resets the strikes, two of which are forgiven.)
 */
const framesPerAnswer = 3

/** Ends a session at once, telling the peer why. */
export const cutOff = (session: Http2.Http2Session): void => {
  if (session.destroyed) return
  session.goaway(Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
  session.destroy()
}

/** Who watches a session; it must be told what the session sends. */
export interface ControlWatch {
  /** DATA or HEADERS of ours were sent. */
  readonly answered: () => void
}

/** Watches PING and SETTINGS of a session; too many of them are cut off, after `onFlood`. */
export const watchControl = (
  session: Http2.Http2Session,
  { controlFrameBurst, controlFramesPerSecond }: ControlLimits,
  onFlood: () => void
): ControlWatch => {
  const bucket = new Bucket(controlFramesPerSecond, controlFrameBurst, performance.now())
  let welcome = 0
  const count = () => {
    if (session.destroyed) return
    if (welcome > 0) {
      welcome--
      return
    }
    if (bucket.take(performance.now())) return
    onFlood()
    cutOff(session)
  }
  let written = 0
  session.on("remoteSettings", count)
  session.on("ping", () => {
    const now = session.destroyed ? 0 : session.socket.bytesWritten
    if (now - written < bytesPerPing) count()
    written = now
  })
  return { answered: () => (welcome = framesPerAnswer) }
}
