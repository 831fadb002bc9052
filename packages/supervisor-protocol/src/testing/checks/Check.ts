/** What a check is, and what it compares with. */
import { Data, Effect, Equal, type Scope } from "effect"
import type { Chain, ChainError } from "@ephor/chain"
import type { ManagedNode } from "../../ManagedNode.ts"
import type { ManagedNodeError, ManagedNodeErrorReason } from "../../ManagedNodeError.ts"

/** One rule that every managed node keeps. */
export interface Check {
  readonly name: string
  readonly run: Effect.Effect<
    void,
    CheckFailed | ManagedNodeError | ChainError,
    ManagedNode | Chain.Chain | Scope.Scope
  >
}

/** A check under its name. */
export const check = (name: string, run: Check["run"]): Check => ({ name, run })

/** A rule that was not kept. */
export class CheckFailed extends Data.TaggedError("CheckFailed")<{ readonly message: string }> {}

/** Fails with what was not kept. */
export const broken = (message: string) => Effect.fail(new CheckFailed({ message }))

const describe = (value: unknown) => JSON.stringify(value)

/** Fails unless both are equal by structure. */
export const same = (what: string, actual: unknown, expected: unknown): Effect.Effect<void, CheckFailed> =>
  Equal.equals(actual, expected)
    ? Effect.void
    : broken(`${what}: expected ${describe(expected)}, got ${describe(actual)}`)

/** The reason with which a call fails, without its prototype. */
export const failure = <A>(
  what: string,
  call: Effect.Effect<A, ManagedNodeError>
): Effect.Effect<Reason, CheckFailed> =>
  Effect.matchEffect(call, {
    onFailure: ({ reason }) => Effect.succeed({ tag: reason._tag, message: reason.message, reason }),
    onSuccess: (value) => broken(`${what}: expected a failure, got ${describe(value)}`)
  })

interface Reason {
  readonly tag: ManagedNodeErrorReason["_tag"]
  readonly message: string
  readonly reason: ManagedNodeErrorReason
}

/** Fails unless the call fails with this reason, and this text if one is given. */
export const failsWith = (
  what: string,
  call: Effect.Effect<unknown, ManagedNodeError>,
  tag: Reason["tag"],
  message?: RegExp
) =>
  Effect.flatMap(failure(what, call), (reason) =>
    reason.tag === tag && (message === undefined || message.test(reason.message))
      ? Effect.void
      : broken(`${what}: expected ${tag} ${String(message)}, got ${reason.tag} "${reason.message}"`)
  )
