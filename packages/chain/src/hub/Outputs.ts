/** Outputs of blocks: stored, or asked of the backend once somebody wants them. */
import { Effect, Option } from "effect"
import type { Hash, OutputV0 } from "@ephor/types"
import type { ChainBlock, KnownBlock } from "../Chain.ts"
import { contentOf, type Core, type Problem, unknownRoot } from "./Core.ts"
import type { makeReads } from "./Reads.ts"
import * as Tables from "./Tables.ts"

/** The block with its output in full; inside a verb, too. */
export const complete = Effect.fnUntraced(function* (
  { backend }: Core,
  block: ChainBlock
): Effect.fn.Return<KnownBlock, Problem> {
  const { output, ref } = block
  // A backend that cannot be asked has told the root with the block, even if it is zero.
  const messagePasserStorageRoot =
    output.messagePasserStorageRoot ??
    (yield* backend.messagePasserRoot?.(ref) ?? Effect.succeed(unknownRoot))
  return { ...block, output: { ...output, messagePasserStorageRoot } }
})

/** See `Service.output`. */
export const makeOutput = (core: Core, reads: ReturnType<typeof makeReads>) =>
  Effect.fnUntraced(function* (hash: Hash): Effect.fn.Return<OutputV0, Problem> {
    const block = yield* reads.content(hash)
    const found = yield* complete(core, block)
    if (
      found.output.messagePasserStorageRoot !== unknownRoot &&
      block.output.messagePasserStorageRoot === undefined
    ) {
      yield* core.change(
        "output",
        Effect.fnUntraced(function* (draft) {
          // It may have been taken out while the backend was asked.
          const still = Option.isSome(yield* Tables.contents.get(core.store, [hash]))
          if (still) draft.writes.push(Tables.contents.put([hash], contentOf(found)))
        })
      )
    }
    return found.output
  })
