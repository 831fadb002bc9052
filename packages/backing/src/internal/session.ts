/**
 * What most subsystems must know before they can work at a leaf.
 */
import { Effect } from "effect"
import type { Keystore, RuntimeApi } from "@ephor/chain"
import {
  type CompactStatement,
  type Hash,
  type Signature,
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

/** Whether a validator of the session signed this in its context. */
export const verifyStatement = (
  keystore: Keystore.Service,
  session: Session,
  signed: {
    readonly payload: CompactStatement
    readonly validatorIndex: ValidatorIndex
    readonly signature: Signature
  }
): Effect.Effect<boolean> => {
  const key = session.validators[signed.validatorIndex]
  return key === undefined
    ? Effect.succeed(false)
    : keystore.verify(key, statementPayload(signed.payload, session.context), signed.signature)
}

/** As `verifyStatement`, for a full statement, which is signed in its compact form. */
export const verifyFullStatement = (
  keystore: Keystore.Service,
  session: Session,
  signed: SignedFullStatement
) => verifyStatement(keystore, session, { ...signed, payload: toCompact(signed.payload) })

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
