/** Blocks of the chain for a managed node, and its errors in the words of a node. */
import { Effect, Option } from "effect"
import type { Chain, ChainError } from "@ephor/chain"
import type { Hash } from "@ephor/types"
import {
  BlockNotFound,
  ManagedNodeError,
  type ManagedNodeErrorReason,
  Pruned,
  Refused
} from "../ManagedNodeError.ts"

/** Fails with the reason. */
export const fail = (method: string, reason: ManagedNodeErrorReason) =>
  Effect.fail(new ManagedNodeError({ method, reason }))

/** The reason of a chain error, in the words of a node: what was not found stays recognisable as such. */
export const fromChain = (method: string, context: string) => (error: ChainError) => {
  const { _tag, message } = error.reason
  // The words by which clients of execution clients know it come first.
  if (_tag === "Pruned") return new ManagedNodeError({ method, reason: new Pruned({ text: message }) })
  const text = `${context}${message}`
  const reason = _tag === "UnknownBlock" ? new BlockNotFound({ text }) : new Refused({ text })
  return new ManagedNodeError({ method, reason })
}

/** The block of a hash, or what a node says when there is none. */
export const byHash = (chain: Chain.Service, method: string, context: string, hash: Hash) =>
  chain.block(hash).pipe(
    Effect.mapError(fromChain(method, context)),
    Effect.flatMap(
      Option.match({
        onSome: (block) => Effect.succeed(block),
        onNone: () => fail(method, new BlockNotFound({ text: `${context}block not found: ${hash}` }))
      })
    )
  )
