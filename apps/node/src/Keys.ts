/**
 * What `ephor-node key` makes and shows.
 */
import { Keystore } from "@ephor/keystore"
import * as NodeKeystore from "@ephor/keystore/NodeKeystore"
import * as NodeLibp2p from "@ephor/network/NodeLibp2p"
import { fromHex, type ValidatorId } from "@ephor/types"
import { Effect, Redacted } from "effect"
import { readOrMakeNodeKey } from "./committee/NodeNetwork.ts"
import type { Scheme } from "./KeyCommand.ts"
import { checkPath, readSecret, ss58Address, writeSecret } from "./KeyFile.ts"

const publicKeyOf = (secret: Redacted.Redacted<string>, kind: Scheme) =>
  Effect.map(Keystore.Keystore, ({ publicKeys }) => publicKeys[0]!).pipe(
    Effect.provide(
      (kind === "sr25519" ? Keystore.layerSr25519 : NodeKeystore.layerEd25519)({ secrets: [secret] })
    )
  )

const publicRows = (kind: Scheme, publicKey: ValidatorId) => ({
  scheme: kind,
  publicKey,
  ss58: ss58Address(fromHex(publicKey))
})

/** A new phrase, in a file if one is given, and what others may know of its key. */
export const generate = Effect.fnUntraced(function* (kind: Scheme, words: 12 | 24, file: string | undefined) {
  // Chance that matters comes from the system, not from the program's own generator.
  const secret = yield* Effect.sync(() => Keystore.generatePhrase(words))
  const rows = publicRows(kind, yield* publicKeyOf(secret, kind))
  if (file === undefined) return { secret: Redacted.value(secret), ...rows }
  yield* writeSecret(file, secret)
  return { file, ...rows }
})

/** What others may know of a key. */
export const show = Effect.fnUntraced(function* (key: string, kind: Scheme) {
  const secret = yield* readSecret(key)
  return publicRows(kind, yield* publicKeyOf(secret, kind))
})

/** The network identity that a file holds; made if there is none. */
export const identity = Effect.fnUntraced(function* (file: string) {
  yield* checkPath("the file of the node key", file)
  const key = yield* readOrMakeNodeKey(file)
  return { file, peerId: yield* NodeLibp2p.peerIdOf(key) }
})
