/**
 * The simulation's executor of validation functions: the adder as a plain function of this process.
 *
 * `NodePvf` runs WebAssembly in processes, and processes know no virtual time. The adder's native twin (`Adder`) gives
 * the same answers at once; any other code is a `CompileFailure`.
 */
import { Adder, Pvf } from "@ephor/backing"
import { Scale, validationCodeHash } from "@ephor/types"
import { Effect, Layer, Result } from "effect"

const decodeBlock = Scale.decodeResult(Adder.AdderBlock)
const decodeHead = Scale.decodeResult(Adder.AdderHead)

/** What the adder's `validate_block` does with a candidate: it traps unless the block builds on the parent's state. */
export const execute = ({ code, codeHash, params }: Pvf.PvfRequest): Pvf.PvfOutcome => {
  if ((codeHash ?? validationCodeHash(code)) !== Adder.codeHash)
    return { _tag: "CompileFailure", why: "the simulation knows no code but the adder's" }
  const block = decodeBlock(params.blockData)
  const head = decodeHead(params.parentHead)
  if (Result.isFailure(block) || Result.isFailure(head))
    return { _tag: "Trapped", why: "block data or parent head are not the adder's" }
  if (Adder.stateHash(block.success.state) !== head.success.postState)
    return { _tag: "Trapped", why: "the block does not start from the parent's state" }
  return {
    _tag: "Valid",
    result: Adder.expectedResult(params.parentHead, block.success, params.relayParentNumber)
  }
}

/** Executes the adder, without a thread. */
export const layer: Layer.Layer<Pvf.Pvf> = Layer.succeed(Pvf.Pvf, {
  execute: (request) => Effect.sync(() => execute(request))
})
