/**
 * How calls end that are not answered: with a status, and with time for the peer to read it.
 */
import * as Http2 from "node:http2"
import * as Grpc from "../Grpc.ts"

/** Media type of every answer. */
export const contentType = "application/grpc"
/** What peers may send us. */
export const encodings = Grpc.encodingList(Grpc.encodings)

/** Ends a call that never began: one HEADERS frame that is also the trailers. */
export const refuse = (stream: Http2.ServerHttp2Stream, status: Grpc.Status, why: string): void => {
  if (stream.destroyed || stream.closed) return
  stream.respond(
    {
      ":status": 200,
      "content-type": contentType,
      "grpc-status": String(status),
      "grpc-message": Grpc.encodeMessage(why),
      ...(status === Grpc.Status.Unimplemented ? { "grpc-accept-encoding": encodings } : {})
    },
    { endStream: true }
  )
  linger(stream)
}

/**
 * Gives the peer time to read the status and end its half, then ends it for the peer. (A reset at once would overtake
 * the trailers; none at all would leave the stream open for as long as the peer likes.)
 */
export const linger = (stream: Http2.ServerHttp2Stream): void => {
  stream.resume()
  const timer = setTimeout(() => stream.close(Http2.constants.NGHTTP2_NO_ERROR), lingerMs)
  stream.once("close", () => clearTimeout(timer))
}
const lingerMs = 1000
