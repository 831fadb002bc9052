/** Keys of authors in files that are made when they are first needed, as that of the network's identity is. */
import * as NodeKeystore from "@ephor/keystore/NodeKeystore"
import * as NodeFile from "@ephor/store/NodeFile"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { KeyFileError, readSecret } from "../KeyFile.ts"

/** Name of the file in a directory that holds the key of one author. */
export const authorKeyFile = "author-key"

/** The author whose secret a file holds; `index` is its place in messages. */
export const readAuthorKey = Effect.fnUntraced(function* (path: string, index = 0) {
  return yield* NodeKeystore.signerEd25519(yield* readSecret(path), index)
})

/** The same; a file that is not there is made, readable by its owner only, and one that is there is never overwritten. */
export const readOrMakeAuthorKey = Effect.fnUntraced(function* (path: string, index = 0) {
  yield* NodeFile.create(path, `0x${randomBytes(32).toString("hex")}\n`, { mode: 0o600 }).pipe(
    Effect.catchIf(
      ({ exists }) => exists,
      () => Effect.void
    ),
    Effect.mapError(
      ({ why }) => new KeyFileError({ message: `the key of an author ${path} cannot be made: ${why}` })
    )
  )
  return yield* readAuthorKey(path, index)
})
