/** Authors that sign for themselves: one round comes together from several stores, or waits for those who are away. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import {
  Bcs,
  DagBlock,
  dagSigningMessage,
  hasQuorum,
  openDagBlock,
  SignedDagBlock,
  toHex,
  verifyDagBlock
} from "@ephor/types"
import * as Chain from "@ephor/chain/Chain"
import * as Committee from "@ephor/chain/Committee"
import { subDagOf } from "@ephor/chain/DagBody"
import { ed25519Verify } from "@ephor/keystore/Signatures"
import * as Store from "@ephor/store/Store"
import { developmentAuthors } from "../src/DevAuthors.ts"
import * as DevChain from "../src/DevChain.ts"
import * as DevSigner from "../src/DevSigner.ts"
import * as DevTransaction from "../src/DevTransaction.ts"
import type { RoundProposal } from "../src/RoundProposal.ts"
import { base, newStore, seconds } from "./support/devChain.ts"

const authors = developmentAuthors("signers", 4)
const [own, ...others] = authors as [Committee.Author, ...Array<Committee.Author>]
const members = [own, ...others.map(({ publicKey }) => ({ publicKey }))]
const committee = Committee.committeeOf(authors)

/** A maker that has the key of author 0 alone, on a store. */
const makerOn = Effect.fnUntraced(function* (store: Store.Service, finality: DevChain.Options["finality"]) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(
    Layer.fresh(
      DevChain.layer({ ...base, authors: { members }, ...(finality === undefined ? {} : { finality }) })
    ),
    scope
  ).pipe(Effect.provideService(Store.Store, store))
  const chain = Context.get(context, Chain.Chain)
  const devChain = Context.get(context, DevChain.DevChain)
  return { context, chain, devChain, end: Scope.close(scope, Exit.void) }
})

/** Has an author sign for a maker, on a store of its own; `leave` takes it away. */
const join = Effect.fnUntraced(function* (
  { context }: { readonly context: Context.Context<Chain.Chain | DevChain.DevChain> },
  index: number,
  store: Store.Service
) {
  const scope = yield* Scope.make()
  yield* Layer.buildWithScope(Layer.fresh(DevSigner.layer(authors[index]!)), scope).pipe(
    Effect.provideContext(context),
    Effect.provideService(Store.Store, store)
  )
  return { leave: Scope.close(scope, Exit.void) }
})

/** The canonical blocks above the first, taken apart. */
const subDags = Effect.fnUntraced(function* (chain: Chain.Service) {
  const head = yield* chain.head("LocalUnsafe")
  return yield* Effect.forEach(
    Array.from({ length: head.number }, (_, at) => at + 1),
    Effect.fnUntraced(function* (number) {
      const { hash } = Option.getOrThrow(yield* chain.block(number))
      const content = yield* chain.content(hash)
      return {
        ...Result.getOrThrow(subDagOf(content.body)),
        logs: content.receipts.flatMap(({ logs }) => logs)
      }
    })
  )
})

const blocksOf = (all: Effect.Success<ReturnType<typeof subDags>>) => {
  const blocks = new Map<string, (typeof all)[number]["blocks"][number]>()
  for (const { blocks: committed, tip } of all)
    for (const block of [...committed, ...tip]) blocks.set(block.ref.digest, block)
  return [...blocks.values()]
}

/** Every block is signed by its author, refers to a quorum, and is the only one of its author in its round. */
const check = (all: Effect.Success<ReturnType<typeof subDags>>) => {
  const places = new Set<string>()
  for (const { block, ref, ...rest } of blocksOf(all)) {
    assert.isTrue(verifyDagBlock({ block, ...rest }, committee, ed25519Verify))
    const { ancestors, author, round } = block.value
    assert.strictEqual(ancestors[0]!.author, author)
    const before = ancestors.filter((one) => one.round === round - 1).map((one) => one.author)
    assert.isTrue(hasQuorum(committee, before), `block ${round}/${author}`)
    assert.isFalse(places.has(`${ref.round}/${ref.author}`), `two blocks ${round}/${author}`)
    places.add(`${ref.round}/${ref.author}`)
  }
  return blocksOf(all).map(({ ref }) => ref)
}

const log = DevTransaction.emit(`0x${"11".repeat(20)}`, [`0x${"22".repeat(32)}`])

describe("authors in processes of their own", () => {
  it.effect("sign each its own blocks, and vote for what is final", () =>
    Effect.gen(function* () {
      const maker = yield* makerOn(yield* newStore, { depth: 2 })
      for (const index of [1, 2, 3]) yield* join(maker, index, yield* newStore)
      yield* seconds(12)
      const all = yield* subDags(maker.chain)
      assert.isAtLeast(all.length, 10)
      const refs = check(all)
      for (const author of [0, 1, 2, 3])
        assert.isAtLeast(refs.filter((ref) => ref.author === author).length, 9)
      const digests = all.map(({ digest }) => digest)
      const voters = new Map<number, Set<number>>()
      for (const { block } of blocksOf(all))
        for (const { digest, index } of block.value.commitVotes) {
          assert.strictEqual(digest, digests[index - 1])
          voters.set(index, (voters.get(index) ?? new Set()).add(block.value.author))
        }
      assert.isAtLeast(voters.size, 6)
      for (const [index, of] of voters) assert.isTrue(hasQuorum(committee, of), `commit ${index}`)
      yield* maker.end
    })
  )

  it.effect(
    "one that is away has no block in the round and leads none; back, it goes on from its last one",
    () =>
      Effect.gen(function* () {
        const maker = yield* makerOn(yield* newStore, undefined)
        const stores = yield* Effect.forEach([0, 1, 2, 3], () => newStore)
        for (const index of [1, 2]) yield* join(maker, index, stores[index]!)
        const { leave } = yield* join(maker, 3, stores[3]!)
        yield* seconds(6)
        yield* leave
        yield* maker.devChain.submit(log)
        const before = (yield* maker.chain.head("LocalUnsafe")).number
        yield* seconds(8)
        const without = yield* subDags(maker.chain)
        assert.isAtLeast(without.length - before, 7, "no slot is lost for good")
        const last = Math.max(...check(without).map(({ author, round }) => (author === 3 ? round : 0)))
        assert.isBelow(last, without.at(-1)!.commit.leader.round - 5)
        for (const { commit } of without.slice(before + 1)) assert.notStrictEqual(commit.leader.author, 3)
        assert.lengthOf(
          without.flatMap(({ logs }) => logs),
          1,
          "what the absent leader would have carried comes once"
        )
        yield* join(maker, 3, stores[3]!)
        yield* seconds(8)
        const again = yield* subDags(maker.chain)
        const refs = check(again)
        const returned = Math.min(
          ...refs.flatMap(({ author, round }) => (author === 3 && round > last ? [round] : []))
        )
        const first = blocksOf(again).find(({ ref }) => ref.author === 3 && ref.round === returned)!
        assert.strictEqual(first.block.value.ancestors[0]!.round, last)
        assert.isTrue(again.slice(without.length).some(({ commit }) => commit.leader.author === 3))
        yield* maker.end
      })
  )

  it.effect("without a quorum the chain stands, and what was submitted waits", () =>
    Effect.gen(function* () {
      const maker = yield* makerOn(yield* newStore, undefined)
      const stores = yield* Effect.forEach([0, 1, 2, 3], () => newStore)
      yield* join(maker, 1, stores[1]!)
      const { leave } = yield* join(maker, 2, stores[2]!)
      yield* seconds(4)
      yield* leave
      yield* maker.devChain.submit(log)
      yield* seconds(3)
      const stopped = yield* maker.chain.head("LocalUnsafe")
      yield* seconds(10)
      assert.strictEqual((yield* maker.chain.head("LocalUnsafe")).number, stopped.number)
      // Nobody who needs the chain for something else waits for ever.
      const why = yield* Effect.forkChild(
        Effect.flip(maker.chain.invalidate((yield* maker.chain.head("LocalUnsafe")).hash))
      )
      yield* seconds(15)
      assert.include((yield* Fiber.join(why)).message, "no quorum")
      yield* join(maker, 2, stores[2]!)
      yield* seconds(5)
      const all = yield* subDags(maker.chain)
      assert.isAtLeast(all.length, stopped.number + 3)
      check(all)
      assert.lengthOf(
        all.flatMap(({ logs }) => logs),
        1
      )
      yield* maker.end
    })
  )

  it.effect("a maker that died between asking and writing asks for the same round again", () =>
    Effect.gen(function* () {
      const stores = yield* Effect.forEach([0, 1, 2, 3], () => newStore)
      const first = yield* makerOn(stores[0]!, undefined)
      for (const index of [1, 2]) yield* join(first, index, stores[index]!)
      yield* seconds(4)
      // Author 2 signs, and is not heard; nobody else does, so that the round is never written.
      const signed: Array<Uint8Array> = []
      yield* first.devChain.provideBlocks(1, () => Effect.never)
      const context = Context.add(first.context, DevChain.DevChain, {
        ...first.devChain,
        provideBlocks: (author, provider) =>
          first.devChain.provideBlocks(author, (proposal) =>
            Effect.tap(provider(proposal), (bytes) => Effect.sync(() => signed.push(bytes)))
          )
      })
      yield* join({ context }, 2, stores[2]!)
      yield* seconds(3)
      assert.isAbove(signed.length, 0)
      yield* first.end
      const again = yield* makerOn(stores[0]!, undefined)
      for (const index of [1, 2, 3]) yield* join(again, index, stores[index]!)
      yield* TestClock.adjust("1 minute")
      yield* seconds(4)
      const all = yield* subDags(again.chain)
      check(all)
      const digests = blocksOf(all).map(({ ref }) => ref.digest)
      const { ref } = Result.getOrThrow(openDagBlock(signed.at(-1)!))
      assert.include(digests, ref.digest, "what author 2 had signed is in the chain")
      yield* again.end
    })
  )

  it.effect("are left out when they sign anything else than they were asked to", () =>
    Effect.gen(function* () {
      const maker = yield* makerOn(yield* newStore, undefined)
      for (const index of [1, 2]) yield* join(maker, index, yield* newStore)
      const three = authors[3]!
      const forge = (proposal: RoundProposal, change: (block: DagBlock) => DagBlock, by = three) => {
        const ancestors = proposal.ancestors.map((bytes) => Result.getOrThrow(openDagBlock(bytes)).ref)
        const block = change(
          Committee.blockOf(0, {
            ...proposal,
            author: 3,
            ancestors,
            commitVotes: []
          })
        )
        const signature = toHex(by.sign(dagSigningMessage(Bcs.encode(DagBlock)(block))))
        return Bcs.encode(SignedDagBlock)({ block, signature })
      }
      const changed = (change: object) => (block: DagBlock) =>
        ({ ...block, value: { ...block.value, ...change } }) as DagBlock
      const vote = { index: 1, digest: `0x${"00".repeat(32)}` as const }
      const answers: ReadonlyArray<(proposal: RoundProposal) => Uint8Array> = [
        (proposal) => forge(proposal, (block) => block, authors[2]),
        (proposal) => forge(proposal, changed({ transactions: [new Uint8Array(8)] })),
        (proposal) => forge(proposal, changed({ timestampMs: proposal.timestampMs + 1 })),
        (proposal) => forge(proposal, changed({ author: 2 }), authors[2]),
        (proposal) => forge(proposal, changed({ commitVotes: Array.from({ length: 101 }, () => vote) })),
        () => new Uint8Array(10),
        () => new Uint8Array(5 * 1024 * 1024)
      ]
      let asked = 0
      yield* maker.devChain.provideBlocks(3, (proposal) =>
        Effect.sync(() => answers[asked++ % answers.length]!(proposal))
      )
      yield* seconds(10)
      const all = yield* subDags(maker.chain)
      assert.isAtLeast(asked, answers.length)
      assert.isAtLeast(all.length, 7)
      assert.isFalse(check(all).some(({ author }) => author === 3))
      // Nothing is held against it: what holds is taken.
      yield* maker.devChain.provideBlocks(3, (proposal) =>
        Effect.sync(() => forge(proposal, (block) => block))
      )
      yield* seconds(3)
      assert.isTrue(check(yield* subDags(maker.chain)).some(({ author }) => author === 3))
      yield* maker.end
    })
  )
})

describe("an author that is asked to sign", () => {
  /** What author 3 answers to proposals, after a maker whose other authors are honest has made a few rounds. */
  const asking = Effect.fnUntraced(function* () {
    const maker = yield* makerOn(yield* newStore, undefined)
    for (const index of [1, 2]) yield* join(maker, index, yield* newStore)
    const proposals: Array<RoundProposal> = []
    yield* maker.devChain.provideBlocks(3, (proposal) =>
      Effect.andThen(
        Effect.sync(() => proposals.push(proposal)),
        Effect.never
      )
    )
    yield* seconds(4)
    yield* maker.devChain.pause
    let sign!: DevChain.BlockProvider
    const context = Context.add(maker.context, DevChain.DevChain, {
      ...maker.devChain,
      provideBlocks: (_, provider) => Effect.sync(() => void (sign = provider))
    })
    const store = yield* newStore
    yield* join({ context }, 3, store)
    const proposal = proposals.find(({ round }) => round === 3)!
    return {
      proposal,
      sign,
      again: Effect.andThen(
        join({ context }, 3, store),
        Effect.sync(() => sign)
      )
    }
  })

  it.effect("does so once per round, also after a restart, and never goes back", () =>
    Effect.gen(function* () {
      const { again, proposal, sign } = yield* asking()
      const bytes = yield* sign(proposal)
      const other = { ...proposal, timestampMs: proposal.timestampMs + 1000 }
      assert.deepStrictEqual(yield* sign(other), bytes)
      const restarted = yield* again
      assert.deepStrictEqual(yield* restarted(other), bytes)
      const back = yield* Effect.flip(restarted({ ...proposal, round: 2 }))
      assert.include(back.message, "sign a block of round 2 after one of round 3")
    })
  )

  it.effect("refuses what does not follow from signed blocks", () =>
    Effect.gen(function* () {
      const { proposal, sign } = yield* asking()
      const [mine, ...theirs] = proposal.ancestors as [Uint8Array, ...Array<Uint8Array>]
      const tampered = Uint8Array.from(theirs[0]!, (byte, at) =>
        at === theirs[0]!.length - 1 ? byte ^ 1 : byte
      )
      const wrong: ReadonlyArray<readonly [Partial<RoundProposal>, string]> = [
        [{ ancestors: [] }, "no quorum"],
        [{ ancestors: [mine, ...theirs.slice(1)] }, "no quorum"],
        [{ ancestors: theirs }, "own block is not the first"],
        [{ ancestors: [mine, mine, ...theirs.slice(1)] }, "own block is not the first"],
        [{ ancestors: [mine, theirs[0]!, theirs[0]!, theirs[1]!] }, "two ancestors of one author"],
        [{ ancestors: [mine, tampered, ...theirs.slice(1)] }, "no author signed"],
        [{ ancestors: [mine, new Uint8Array(3), ...theirs.slice(1)] }, "no block"],
        [{ ancestors: [mine, ...theirs, ...theirs] }, "more ancestors than authors"],
        [{ round: 4 }, "an ancestor of round 2"],
        [{ timestampMs: 0 }, "earlier than what it refers to"],
        [{ transactions: [new Uint8Array(1024 * 1024 + 1)] }, "more transactions than a block takes"],
        [
          { transactions: Array.from({ length: 1025 }, () => new Uint8Array(0)) },
          "more transactions than a block takes"
        ]
      ]
      for (const [change, why] of wrong) {
        assert.include((yield* Effect.flip(sign({ ...proposal, ...change }))).message, why)
      }
      const { block } = Result.getOrThrow(openDagBlock(yield* sign(proposal)))
      assert.strictEqual(block.value.author, 3)
    })
  )

  it.effect("has to be an author of the chain", () =>
    Effect.gen(function* () {
      const maker = yield* makerOn(yield* newStore, undefined)
      const error = yield* Effect.flip(
        Layer.build(DevSigner.layer(developmentAuthors("strangers", 1)[0]!)).pipe(
          Effect.provideContext(maker.context),
          Effect.provideService(Store.Store, yield* newStore)
        )
      )
      assert.include(error.message, "no author of the chain")
      yield* maker.end
    })
  )
})
