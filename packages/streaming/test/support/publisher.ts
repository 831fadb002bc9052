/** A publisher over a source in memory, and the source to feed it. */
import { Effect, Layer } from "effect"
import { BlockSource, Publisher } from "../../src/index.ts"

/** Of a committee of four, unless the source is told otherwise. */
export const publisher = Effect.fnUntraced(function* (
  options: Partial<Publisher.PublisherOptions> = {},
  ofSource: Partial<BlockSource.MemoryOptions> = {}
) {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, ...ofSource })
  const source = Layer.succeed(BlockSource.BlockSource, memory.source)
  return { memory, source, api: yield* Effect.provide(Publisher.makeApi(options), source) }
})
