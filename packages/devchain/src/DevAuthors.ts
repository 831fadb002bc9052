/**
 * Authors of development committees: Ed25519 keys that this process holds.
 */
import type { Author } from "@ephor/chain/Committee"
import { ed25519KeyPair, ed25519Sign } from "@ephor/keystore/Signatures"
import { type AuthorityIndex, blake2b256Bytes, toHex } from "@ephor/types"

/** An author from its 32-byte ed25519 secret. */
export const authorFromSecret = (secret: Uint8Array): Author => {
  const pair = ed25519KeyPair(secret)
  return { publicKey: toHex(pair.publicKey), sign: (message) => ed25519Sign(pair, message) }
}

/** The secret of an author of a development committee: anybody can compute it. */
export const developmentSecret = (seed: string, author: AuthorityIndex): Uint8Array =>
  blake2b256Bytes(new TextEncoder().encode(`${seed}/${author}`))

/** A seed string and a number of authors make a development committee. */
export const developmentAuthors = (seed: string, count: number): ReadonlyArray<Author> =>
  Array.from({ length: count }, (_, author) => authorFromSecret(developmentSecret(seed, author)))
