/**
 * gzip and zstd of messages: out once per frame, whatever the number of subscribers; in with a bound on what may come
 * out.
 */
import { Effect, Metric } from "effect"
import * as Zlib from "node:zlib"
import * as Grpc from "../Grpc.ts"
import * as Metrics from "../Metrics.ts"

type Done = (error: Error | null, message: Buffer) => void

/** How an encoding packs and unpacks. Signed blocks hardly shrink: fast is better than thorough. */
const codecs: {
  readonly [E in Grpc.Encoding]: {
    readonly pack: (message: Uint8Array, done: Done) => void
    readonly unpack: (bytes: Uint8Array, maxOutputLength: number) => Uint8Array
  }
} = {
  gzip: {
    pack: (message, done) => Zlib.gzip(message, { level: 1 }, done),
    unpack: (bytes, maxOutputLength) => Zlib.gunzipSync(bytes, { maxOutputLength })
  },
  zstd: {
    pack: (message, done) =>
      Zlib.zstdCompress(message, { params: { [Zlib.constants.ZSTD_c_compressionLevel]: 1 } }, done),
    unpack: (bytes, maxOutputLength) => Zlib.zstdDecompressSync(bytes, { maxOutputLength })
  }
}

/** Unpacks a message; stops as soon as more comes out than `maxBytes`. */
export const inflateOf =
  (encoding: Grpc.Encoding): Grpc.Inflate =>
  (bytes, maxBytes) => {
    try {
      return codecs[encoding].unpack(bytes, Math.max(1, maxBytes))
    } catch (cause) {
      const large = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE"
      if (large) return Grpc.tooLarge("unpacked message", maxBytes)
      return { status: Grpc.Status.Internal, why: `compressed message that is not ${encoding}` }
    }
  }

const packed: { readonly [E in Grpc.Encoding]: WeakMap<Uint8Array, Promise<Uint8Array>> } = {
  gzip: new WeakMap(),
  zstd: new WeakMap()
}

const pack = (frame: Uint8Array, encoding: Grpc.Encoding): Promise<Uint8Array> =>
  new Promise((resolve) => {
    codecs[encoding].pack(frame.subarray(Grpc.prefixBytes), (error, message) => {
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
export const deflate = (
  frame: Uint8Array,
  encoding: Grpc.Encoding,
  minBytes: number
): Effect.Effect<Uint8Array> =>
  frame.length < minBytes
    ? Effect.succeed(frame)
    : Effect.tap(
        Effect.promise(() => {
          const known = packed[encoding].get(frame)
          if (known !== undefined) return known
          const made = pack(frame, encoding)
          packed[encoding].set(frame, made)
          return made
        }),
        (out) => (out === frame ? Effect.void : Metric.update(Metrics.compressedResponses, 1))
      )
