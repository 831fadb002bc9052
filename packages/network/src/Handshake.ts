/**
 * How two processes become peers: each says which chain it is of and, if it is a validator, proves to own its key. The
 * proof names both ends, so that nobody can pass it on.
 */
import { concatBytes, fromHex, Hash, Scale, Signature, ValidatorId, Wire } from "@ephor/types"
import { Effect, Result, Schema } from "effect"
import type { Peer, PeerId } from "./Network.ts"
import * as PeerText from "./PeerText.ts"

/** The version of the conversation; peers of another one are refused. */
export const version = 1

/** The first thing that each side says (SCALE). */
export const Hello = Wire.record({
  version: Wire.U8,
  /** Hash of the chain's first block. */
  genesis: Hash,
  /** The key of a validator, with its signature of `proofPayload`. */
  authority: Schema.NullOr(Wire.record({ key: ValidatorId, signature: Signature }))
})
export interface Hello extends Schema.Schema.Type<typeof Hello> {}

/** Longest hello in bytes. */
export const maxHelloBytes = 256

/** A validator's key, as what it can do. */
export interface Authority {
  readonly key: ValidatorId
  readonly sign: (payload: Uint8Array) => Effect.Effect<Signature>
}

/** Checks the signature of a validator. */
export type Verify = (key: ValidatorId, payload: Uint8Array, signature: Signature) => Effect.Effect<boolean>

const utf8 = new TextEncoder()

const named = (text: string): Uint8Array => {
  const bytes = utf8.encode(text)
  return concatBytes(Uint8Array.of(bytes.length & 0xff, bytes.length >> 8), bytes)
}

/** What a validator signs to be the authority `from` in a conversation with `to`. */
export const proofPayload = (genesis: Hash, from: PeerId, to: PeerId): Uint8Array =>
  concatBytes(named("ephor/hello/1"), fromHex(genesis), named(from), named(to))

/** Our hello to a peer. */
export const hello = Effect.fnUntraced(function* (
  genesis: Hash,
  authority: Authority | undefined,
  self: PeerId,
  peer: PeerId
) {
  const signature = authority && (yield* authority.sign(proofPayload(genesis, self, peer)))
  return Scale.encode(Hello)({
    version,
    genesis,
    authority: authority === undefined || signature === undefined ? null : { key: authority.key, signature }
  })
})

/** Why a hello is refused, in words for both sides. */
export class HelloRefused extends Schema.TaggedError<HelloRefused>()("HelloRefused", {
  why: Schema.String
}) {}

/** The peer that a hello makes of the other end, once its proof is checked. */
export const open = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  genesis: Hash,
  self: PeerId,
  peer: PeerId,
  verify: Verify
): Effect.fn.Return<Peer, HelloRefused> {
  const said = Scale.decodeResult(Hello)(bytes)
  if (Result.isFailure(said))
    return yield* new HelloRefused({ why: PeerText.clean(`not a hello: ${said.failure.message}`) })
  const { authority } = said.success
  if (said.success.version !== version) {
    return yield* new HelloRefused({ why: `version ${said.success.version}, not ${version}` })
  }
  if (said.success.genesis !== genesis) {
    return yield* new HelloRefused({
      why: `another chain: its genesis is ${said.success.genesis}, not ${genesis}`
    })
  }
  if (authority === null) return { id: peer }
  const proven = yield* verify(authority.key, proofPayload(genesis, peer, self), authority.signature)
  if (!proven) return yield* new HelloRefused({ why: `no proof of being ${authority.key}` })
  return { id: peer, authority: authority.key }
})
