/**
 * The last blocks and what became of them, forks included: a fold over what the chain tells.
 */
import { Chain, type ChainEvent, RuntimeApi } from "@ephor/chain"
import type { Status as Told } from "@ephor/cli"
import { type BlockRef, candidateHash, type Hash } from "@ephor/types"
import { Effect, Stream } from "effect"

/** Heights that are kept below the head. */
export const heights = 60

/** Blocks that are kept, forks included: the lowest go first. */
export const blocks = 240

interface Entry {
  readonly ref: Pick<BlockRef, "hash" | "number" | "parentHash" | "timestamp">
  fate: Told.Fate
  isReplacement: boolean
  readonly backed: ReadonlySet<string>
  readonly included: ReadonlySet<string>
}

const nothing: ReadonlySet<string> = new Set()

/** The blocks by hash. */
export class Strip {
  readonly #entries = new Map<Hash, Entry>()

  /** A block is canonical from now on. */
  add(ref: Entry["ref"], backed = nothing, included = nothing): void {
    const known = this.#entries.get(ref.hash)
    if (known !== undefined) return void (known.fate = "canonical")
    this.#entries.set(ref.hash, { ref, fate: "canonical", isReplacement: false, backed, included })
    const floor = ref.number - heights
    for (const [hash, entry] of this.#entries) {
      if (entry.ref.number <= floor || this.#entries.size > blocks) this.#entries.delete(hash)
    }
  }

  /** Blocks are not canonical any more. */
  leave(removed: ReadonlyArray<BlockRef>, fate: Told.Fate): void {
    for (const { hash } of removed) {
      const entry = this.#entries.get(hash)
      // What was replaced stays so when its branch is left.
      if (entry !== undefined && entry.fate !== "replaced") entry.fate = fate
    }
  }

  /** A block stands where an invalid one was. */
  replace(replacement: Entry["ref"]): void {
    this.add(replacement)
    const entry = this.#entries.get(replacement.hash)
    if (entry !== undefined) entry.isReplacement = true
  }

  /** Lowest first; `disputed` are the candidates that somebody has disputed. */
  tell(disputed: ReadonlySet<string>): ReadonlyArray<Told.StripBlock> {
    return Array.from(this.#entries.values(), ({ backed, fate, included, isReplacement, ref }) => ({
      number: ref.number,
      hash: ref.hash,
      parentHash: ref.parentHash,
      timestamp: ref.timestamp,
      fate,
      isReplacement,
      backed: backed.size,
      included: included.size,
      isDisputed: [...backed, ...included].some((candidate) => disputed.has(candidate))
    })).sort((a, b) => a.number - b.number || (a.hash < b.hash ? -1 : 1))
  }
}

/** Follows the chain, beginning with the canonical blocks that are there. */
export const follow = Effect.gen(function* () {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const strip = new Strip()
  const onEvent = Effect.fnUntraced(function* (event: ChainEvent) {
    switch (event._tag) {
      case "Imported": {
        const happened = yield* runtime.candidateEvents(event.block.hash).pipe(Effect.orElseSucceed(() => []))
        const of = (tag: (typeof happened)[number]["_tag"]) =>
          new Set(happened.filter(({ _tag }) => _tag === tag).map(({ value }) => candidateHash(value[0])))
        return strip.add(event.block, of("CandidateBacked"), of("CandidateIncluded"))
      }
      case "Reverted":
        return strip.leave(event.removed, "reverted")
      case "Replaced":
        strip.leave([event.invalidated], "replaced")
        strip.leave(event.removed, "reverted")
        return strip.replace(event.replacement)
      default:
        return undefined
    }
  })
  yield* Stream.runForEach(chain.events, onEvent).pipe(Effect.forkScoped({ startImmediately: true }))
  const head = yield* chain.head("LocalUnsafe")
  const before = yield* chain.ancestors(head.hash, heights - 1).pipe(Effect.orElseSucceed(() => []))
  for (const block of before.toReversed()) strip.add(block)
  strip.add(head)
  return strip
})
