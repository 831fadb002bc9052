import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import * as Chain from "@ephor/chain/Chain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import * as ChainFeed from "../src/ChainFeed.ts"
import * as DevChain from "../src/DevChain.ts"
import * as FollowedChain from "../src/FollowedChain.ts"
import * as RuntimeApi from "@ephor/chain/RuntimeApi"
import * as Store from "@ephor/store/Store"
import { base, newStore, seconds } from "./support/devChain.ts"
import * as Relay from "./support/relay.ts"

const { groups, paras, validators } = Relay.options
const options = { ...base, runtime: { validators, groups, paras, groupRotationFrequency: 0 } }

const follower = (store: Store.Service, feed: ChainFeed.Service) =>
  Layer.build(Layer.fresh(FollowedChain.layer(options))).pipe(
    Effect.provideService(ChainFeed.ChainFeed, feed),
    Effect.provideService(Store.Store, store)
  )

/** A maker with its feed, and a follower over whatever lies between them. */
const pair = Effect.fnUntraced(function* (
  between: (feed: ChainFeed.Service) => ChainFeed.Service = (feed) => feed
) {
  const made = yield* Layer.build(Layer.fresh(DevChain.layer(options))).pipe(
    Effect.provideService(Store.Store, yield* newStore)
  )
  const maker = Context.get(made, Chain.Chain)
  const feed = yield* ChainFeed.make(maker, Context.get(made, DevChain.DevChain))
  const store = yield* newStore
  const followed = yield* follower(store, between(feed))
  return { maker, made, feed, followed, store, chain: Context.get(followed, Chain.Chain) }
})

const sameHead = Effect.fnUntraced(function* (maker: Chain.Service, chain: Chain.Service) {
  yield* TestClock.adjust("100 millis") // between two slots
  const [theirs, ours] = [yield* maker.head("LocalUnsafe"), yield* chain.head("LocalUnsafe")]
  assert.deepStrictEqual(ours, theirs)
  return ours
})

describe("a followed chain", () => {
  it.effect("has the blocks, receipts and runtime states of its maker", () =>
    Effect.gen(function* () {
      const { chain, followed, made, maker } = yield* pair()
      yield* seconds(5)
      const { hash, number } = yield* sameHead(maker, chain)
      assert.isAtLeast(number, 4)
      assert.deepStrictEqual(yield* chain.content(hash), yield* maker.content(hash))
      const [ours, theirs] = [
        Context.get(followed, RuntimeApi.RuntimeApi),
        Context.get(made, RuntimeApi.RuntimeApi)
      ]
      assert.deepStrictEqual(yield* ours.availabilityCores(hash), yield* theirs.availabilityCores(hash))
    })
  )

  it.effect("takes nothing over as final while its own validator waits for people", () =>
    Effect.gen(function* () {
      const { chain, followed, made, maker } = yield* pair()
      let isFrozen = true
      yield* Context.get(followed, DevChain.DevChain).voteFinality(() =>
        Effect.sync(() => (isFrozen ? null : 0))
      )
      yield* seconds(4)
      yield* Context.get(made, DevChain.DevChain).pause
      yield* sameHead(maker, chain)
      const promote = Effect.fnUntraced(function* (number: number) {
        const { hash } = Option.getOrThrow(yield* maker.block(number))
        for (const level of ["LocalSafe", "CrossSafe", "Finalized"] as const)
          yield* maker.promote(level, hash)
        yield* seconds(3)
        return (yield* chain.head("Finalized")).number
      })
      assert.strictEqual(yield* promote(1), 0)
      isFrozen = false
      assert.strictEqual(yield* promote(2), 2)
    })
  )

  it.effect("goes back with its maker, and takes over what is final", () =>
    Effect.gen(function* () {
      const { chain, made, maker } = yield* pair()
      const dev = Context.get(made, DevChain.DevChain)
      yield* seconds(6)
      yield* dev.pause
      const head = yield* sameHead(maker, chain)
      const back = Option.getOrThrow(yield* maker.block(head.number - 2))
      yield* maker.blacklist(
        (yield* maker.block(head.number - 1)).pipe(Option.getOrThrow).hash,
        "for the test"
      )
      yield* seconds(3)
      assert.strictEqual((yield* sameHead(maker, chain)).hash, back.hash)
      const final = Option.getOrThrow(yield* maker.block(2))
      for (const level of ["LocalSafe", "CrossSafe", "Finalized"] as const)
        yield* maker.promote(level, final.hash)
      yield* seconds(3)
      assert.strictEqual((yield* chain.head("Finalized")).hash, final.hash)
      yield* dev.resume
      yield* seconds(4)
      yield* sameHead(maker, chain)
    })
  )

  it.effect("stays out of what was found invalid here until its maker does", () =>
    Effect.gen(function* () {
      const { chain, maker } = yield* pair()
      yield* seconds(4)
      const bad = yield* sameHead(maker, chain)
      yield* chain.blacklist(bad.hash, "found here")
      yield* seconds(3)
      assert.strictEqual((yield* chain.head("LocalUnsafe")).hash, bad.parentHash)
      yield* maker.blacklist(bad.hash, "found there")
      yield* seconds(4)
      assert.isAbove((yield* sameHead(maker, chain)).number, bad.number)
    })
  )

  it.effect("goes on where its store left it, in pages, after its maker was away", () =>
    Effect.gen(function* () {
      const away = yield* Ref.make(false)
      const unreachable = new ChainError({
        method: "next",
        reason: new Backend({ what: "the maker is away", cause: new Error("no route") })
      })
      const { chain, feed, maker } = yield* pair((inner) => ({
        ...inner,
        next: (locator) =>
          Effect.flatMap(Ref.get(away), (gone) => (gone ? Effect.fail(unreachable) : inner.next(locator)))
      }))
      yield* seconds(3)
      yield* Ref.set(away, true)
      yield* seconds(400)
      assert.isBelow((yield* chain.head("LocalUnsafe")).number, 10)
      yield* Ref.set(away, false)
      yield* seconds(20)
      yield* sameHead(maker, chain)
      const store = yield* newStore
      const late = yield* Effect.scoped(
        Effect.gen(function* () {
          const first = Context.get(yield* follower(store, feed), Chain.Chain)
          yield* seconds(3)
          return yield* sameHead(maker, first)
        })
      )
      const again = Context.get(yield* follower(store, feed), Chain.Chain)
      assert.strictEqual((yield* again.head("LocalUnsafe")).hash, late.hash)
    })
  )

  it.effect("refuses blocks that are not what they say, or that nobody signed", () =>
    Effect.gen(function* () {
      const spoil = yield* Ref.make<"time" | "signature" | "none">("time")
      const { chain, maker } = yield* pair((inner) => ({
        ...inner,
        next: (locator) =>
          Effect.gen(function* () {
            const page = yield* inner.next(locator)
            const how = yield* Ref.get(spoil)
            if (how === "none") return page
            const blocks = page.blocks.map(({ body, ref }) => {
              if (how === "time") return { body, ref: { ...ref, timestamp: ref.timestamp + 1 } }
              const forged = body.slice()
              forged[forged.length - 10]! ^= 1
              return { body: forged, ref }
            })
            return { ...page, blocks }
          })
      }))
      yield* seconds(3)
      assert.strictEqual((yield* chain.head("LocalUnsafe")).number, 0)
      yield* Ref.set(spoil, "signature")
      yield* seconds(6)
      assert.strictEqual((yield* chain.head("LocalUnsafe")).number, 0)
      yield* Ref.set(spoil, "none")
      yield* seconds(12)
      yield* sameHead(maker, chain)
    })
  )
})
