/**
 * What most subsystems must know before they can work at a leaf.
 */
import { Effect } from "effect"
import type { Keystore } from "@ephor/keystore"
import type { RuntimeApi } from "@ephor/chain"
import {
  type Hash,
  type SignedFullStatement,
  type SigningContext,
  type Statement,
  statementPayload,
  toCompact,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"

/** The validators of the children of a relay parent, and which of them we are. */
export interface Session {
  readonly context: SigningContext
  readonly validators: ReadonlyArray<ValidatorId>
  /** Our place and key. A node that holds no key of the set observes. */
  readonly own: { readonly index: ValidatorIndex; readonly key: ValidatorId } | undefined
}

/** Asks the runtime for the session at a relay parent. Of several keys of one set the first is used. */
export const sessionAt = Effect.fnUntraced(function* (
  runtime: RuntimeApi.Service,
  keystore: Keystore.Service,
  relayParent: Hash
) {
  const sessionIndex = yield* runtime.sessionIndexForChild(relayParent)
  const validators = yield* runtime.validators(relayParent)
  const [index] = yield* keystore.owned(validators)
  const key = index === undefined ? undefined : validators[index]
  const session: Session = {
    context: { sessionIndex, parentHash: relayParent },
    validators,
    own: index === undefined || key === undefined ? undefined : { index, key }
  }
  return session
})

/**
 * Statements whose signature was found good, with the key and the context it is good for. Distribution hands the very
 * object it checked to backing, which need not pay for the check once more: signatures are most of what a node does.
 */
const verified = new WeakMap<SignedFullStatement, string>()

/** Whether a validator of the session signed this statement in its context. It is signed in its compact form. */
export const verifyFullStatement = (
  keystore: Keystore.Service,
  session: Session,
  signed: SignedFullStatement
): Effect.Effect<boolean> => {
  const key = session.validators[signed.validatorIndex]
  if (key === undefined) return Effect.succeed(false)
  const { context } = session
  const meaning = `${key}/${context.sessionIndex}/${context.parentHash}`
  if (verified.get(signed) === meaning) return Effect.succeed(true)
  const payload = statementPayload(toCompact(signed.payload), context)
  return Effect.map(keystore.verify(key, payload, signed.signature), (good) => {
    if (good) verified.set(signed, meaning)
    return good
  })
}

/** Signs a statement as ourselves. */
export const signStatement = (
  keystore: Keystore.Service,
  own: NonNullable<Session["own"]>,
  context: SigningContext,
  payload: Statement
) =>
  Effect.map(
    keystore.sign(own.key, statementPayload(toCompact(payload), context)),
    (signature): SignedFullStatement => ({ payload, validatorIndex: own.index, signature })
  )
