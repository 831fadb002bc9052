/** Whether a node has the heads that a reset names: it cannot be made to. */
import { Effect, Option } from "effect"
import type { BlockId, Heads } from "@ephor/types"
import {
  Conflict,
  LookupFailed,
  ManagedNodeError,
  type ManagedNodeErrorReason,
  type ResetHead,
  TargetNotFound
} from "../ManagedNodeError.ts"
import { type Execution, refOf } from "./Execution.ts"

/** The five heads in the order in which a reset verifies them. */
const order: ReadonlyArray<readonly [keyof Heads, ResetHead]> = [
  ["localUnsafe", "unsafe"],
  ["crossUnsafe", "cross-unsafe"],
  ["localSafe", "safe"],
  ["crossSafe", "cross-safe"],
  ["finalized", "finalized"]
]

const method = "interop_reset"
const fail = (reason: ManagedNodeErrorReason) => Effect.fail(new ManagedNodeError({ method, reason }))

const isZero = ({ hash, number }: BlockId) => number === 0 && /^0x0+$/.test(hash)

/** Fails with the first head that is not a block of the node. A finalized head that is not kept any more is let pass. */
export const makeVerify =
  (execution: Execution) =>
  (heads: Heads): Effect.Effect<void, ManagedNodeError> =>
    Effect.forEach(
      order,
      ([key, head]) => {
        const target = heads[key]
        if (key === "finalized" && isZero(target)) return Effect.void
        return execution.block(target.number, method).pipe(
          Effect.asSome,
          Effect.catch((error) => {
            if (error.reason._tag === "BlockNotFound") return Effect.succeedNone
            return key === "finalized" && error.reason._tag === "Pruned"
              ? Effect.succeedSome(undefined)
              : fail(new LookupFailed({ head }))
          }),
          Effect.flatMap((found) => {
            if (Option.isNone(found)) return fail(new TargetNotFound({ head }))
            return found.value === undefined || found.value.hash === target.hash
              ? Effect.void
              : fail(new Conflict({ block: refOf(found.value) }))
          })
        )
      },
      { discard: true }
    )
