/**
 * gzip of messages: out once per frame, whatever the number of subscribers; in with a bound on what may come out.
 */
import { Effect, Metric } from "effect"
import * as Zlib from "node:zlib"
import * as Grpc from "../Grpc.ts"
import * as Metrics from "../Metrics.ts"

// Signed blocks hardly shrink: fast is better than thorough.
const level = 1

/** Unpacks a message; stops as soon as more comes out than `maxBytes`. */
export const inflate: Grpc.Inflate = (bytes, maxBytes) => {
  try {
    return Zlib.gunzipSync(bytes, { maxOutputLength: Math.max(1, maxBytes) })
  } catch (cause) {
    const large = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE"
    if (large) return Grpc.tooLarge("unpacked message", maxBytes)
    return { status: Grpc.Status.Internal, why: "compressed message that is not gzip" }
  }
}

const packed = new WeakMap<Uint8Array, Promise<Uint8Array>>()

const pack = (frame: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve) => {
    Zlib.gzip(frame.subarray(Grpc.prefixBytes), { level }, (error, message) => {
      // What does not shrink goes as it is: the flag says so for each message.
      if (error !== null || message.length + Grpc.prefixBytes >= frame.length) return resolve(frame)
      const out = new Uint8Array(Grpc.prefixBytes + message.length)
      Grpc.writePrefix(out, 0, message.length)
      out[0] = 1
      out.set(message, Grpc.prefixBytes)
      resolve(out)
    })
  })

/** The same message as a compressed frame, if it has at least `minBytes` and gains by it; the same frame gives the same bytes. */
export const deflate = (frame: Uint8Array, minBytes: number): Effect.Effect<Uint8Array> =>
  frame.length < minBytes
    ? Effect.succeed(frame)
    : Effect.tap(
        Effect.promise(() => {
          const known = packed.get(frame)
          if (known !== undefined) return known
          const made = pack(frame)
          packed.set(frame, made)
          return made
        }),
        (out) => (out === frame ? Effect.void : Metric.update(Metrics.compressedResponses, 1))
      )
