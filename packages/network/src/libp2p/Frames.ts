/** What travels between peers over libp2p: frames of a session, and answers to requests. */
import { BlockNumber, Hash, Scale, Wire } from "@ephor/types"
import { Exit, Result, Schema } from "effect"
import {
  type NetworkErrorReason,
  NotAllowed,
  Overloaded,
  Refused,
  ShareTaken,
  TooLarge
} from "../NetworkError.ts"
import * as PeerText from "../PeerText.ts"
import type { NotificationProtocol } from "../Protocol.ts"
import type { View } from "../View.ts"

/** Bytes that a notification has beside its content: the name of its protocol. */
export const notificationOverheadBytes = 512

const ViewFrame = Wire.record({ heads: Schema.Array(Hash), finalizedNumber: BlockNumber })
const utf8 = new TextEncoder()
const text = new TextDecoder()

const kinds = { hello: 0, view: 1, notification: 2, goodbye: 3 } as const

const frame = (kind: keyof typeof kinds, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(1 + parts.reduce((sum, part) => sum + part.length, 0))
  bytes[0] = kinds[kind]
  let at = 1
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The frames of a session. */
export const helloFrame = (hello: Uint8Array): Uint8Array => frame("hello", hello)
export const viewFrame = (view: View): Uint8Array => frame("view", Scale.encode(ViewFrame)(view))
export const notificationFrame = ({ name }: NotificationProtocol, bytes: Uint8Array): Uint8Array => {
  const spelled = utf8.encode(name)
  return frame("notification", Uint8Array.of(spelled.length), spelled, bytes)
}
/** Says why the session ends, as far as there is room. */
export const goodbyeFrame = (why: string): Uint8Array => frame("goodbye", utf8.encode(PeerText.clean(why)))

/** What a peer said. */
export type Frame =
  | { readonly _tag: "Hello"; readonly bytes: Uint8Array }
  | { readonly _tag: "View"; readonly view: View }
  | { readonly _tag: "Notification"; readonly protocol: string; readonly bytes: Uint8Array }
  | { readonly _tag: "Goodbye"; readonly why: string }
  | { readonly _tag: "Malformed"; readonly why: string }

/** Takes a frame apart. */
export const openFrame = (bytes: Uint8Array): Frame => {
  const body = bytes.subarray(1)
  switch (bytes[0]) {
    case kinds.hello:
      return { _tag: "Hello", bytes: body }
    case kinds.view: {
      const view = Scale.decodeResult(ViewFrame)(body)
      return Result.isSuccess(view)
        ? { _tag: "View", view: view.success }
        : { _tag: "Malformed", why: PeerText.clean(view.failure.message) }
    }
    case kinds.notification: {
      const length = body[0] ?? 0
      if (body.length < 1 + length) return { _tag: "Malformed", why: "a notification without a protocol" }
      return {
        _tag: "Notification",
        protocol: text.decode(body.subarray(1, 1 + length)),
        bytes: body.subarray(1 + length)
      }
    }
    case kinds.goodbye:
      return {
        _tag: "Goodbye",
        why: PeerText.clean(text.decode(body.subarray(0, 4 * PeerText.maxPeerTextLength)))
      }
    default:
      return { _tag: "Malformed", why: `unknown kind of frame ${bytes[0]}` }
  }
}

const Failure = Wire.variants({
  Refused: [0, Schema.String],
  Overloaded: [1],
  TooLarge: [2, Wire.record({ response: Schema.Boolean, bytes: Wire.U32, maxBytes: Wire.U32 })],
  ShareTaken: [3, Wire.U8],
  NotAllowed: [4, Schema.String]
})
const shares = ["at a time", "per second", "of one address block"] as const

/** Bytes that an answer may have beside its content. */
export const answerOverheadBytes = 1024

const failureOf = (reason: NetworkErrorReason | undefined): typeof Failure.Type => {
  switch (reason?._tag) {
    case "TooLarge": {
      const { bytes, maxBytes, what } = reason
      return { _tag: "TooLarge", value: { response: what === "response", bytes, maxBytes } }
    }
    case "Overloaded":
      return { _tag: "Overloaded" }
    case "ShareTaken":
      return { _tag: "ShareTaken", value: shares.indexOf(reason.what) }
    case "NotAllowed":
      return { _tag: "NotAllowed", value: reason.speakers }
    case "Refused":
      return { _tag: "Refused", value: PeerText.clean(reason.why) }
    default:
      return { _tag: "Refused", value: "internal error" }
  }
}

/** An answer: 0 and the content, or 1 and what went wrong. */
export const answerBytes = (answer: Exit.Exit<Uint8Array, NetworkErrorReason>): Uint8Array => {
  if (Exit.isSuccess(answer)) {
    const bytes = new Uint8Array(1 + answer.value.length)
    bytes.set(answer.value, 1)
    return bytes
  }
  const reason = Exit.getCause(answer).pipe((cause) =>
    cause._tag === "Some" ? cause.value.reasons.find((one) => one._tag === "Fail")?.error : undefined
  )
  const spelled = Scale.encode(Failure)(failureOf(reason))
  const bytes = new Uint8Array(1 + spelled.length)
  bytes[0] = 1
  bytes.set(spelled, 1)
  return bytes
}

/** Reads an answer. */
export const openAnswer = (
  peer: string,
  bytes: Uint8Array
): Result.Result<Uint8Array, NetworkErrorReason> => {
  if (bytes[0] === 0) return Result.succeed(bytes.subarray(1))
  const failure = Scale.decodeResult(Failure)(bytes.subarray(1))
  if (bytes[0] !== 1 || Result.isFailure(failure)) {
    return Result.fail(new Refused({ peer, why: "its answer is malformed" }))
  }
  const said = failure.success
  switch (said._tag) {
    case "Refused":
      return Result.fail(new Refused({ peer, why: PeerText.clean(said.value) }))
    case "Overloaded":
      return Result.fail(new Overloaded({ peer }))
    case "ShareTaken":
      return Result.fail(new ShareTaken({ peer, what: shares[said.value] ?? "at a time" }))
    case "NotAllowed":
      return Result.fail(new NotAllowed({ peer, speakers: PeerText.clean(said.value) }))
    case "TooLarge":
      return Result.fail(
        new TooLarge({
          what: said.value.response ? "response" : "request",
          bytes: said.value.bytes,
          maxBytes: said.value.maxBytes
        })
      )
  }
}
