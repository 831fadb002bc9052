import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Adder, CandidateChecks, Collator } from "@ephor/backing"
import { RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import { collatorSignaturePayload, commitmentsHash, headDataHash } from "@ephor/types"
import * as World from "./support/world.ts"

describe("Collator", () => {
  it("tells the state from the number of a head", () => {
    let head = Adder.encodeHead(Adder.genesis(100n))
    let state = 100n
    for (let number = 1n; number <= 20n; number++) {
      const block = Collator.nextBlock(100n, head)!
      assert.deepStrictEqual(block, { state, add: number })
      state = Adder.nextState(block)
      assert.strictEqual(Collator.stateAt(100n, number), state)
      head = Adder.encodeHead(Adder.nextHead(head, block))
    }
    assert.isUndefined(Collator.nextBlock(99n, head))
    assert.isUndefined(Collator.nextBlock(100n, head.slice(1)))
    const garbage = Adder.garbageResult(head, Collator.nextBlock(100n, head)!, 1)
    assert.isUndefined(Collator.nextBlock(100n, garbage.headData))
  })

  it.effect("signs a candidate that passes every check before execution", () =>
    Effect.gen(function* () {
      const { candidate, pov } = yield* Effect.promise(() => World.candidateOf(4n))
      const { descriptor } = candidate
      assert(descriptor._tag === "V1")
      const inputs = { descriptor, pov, persistedValidationData: World.validationData, code: Adder.code }
      assert.isUndefined(CandidateChecks.beforeExecution(inputs))
      const payload = collatorSignaturePayload(descriptor)
      assert.isTrue(yield* World.everybody.verify(World.collator, payload, descriptor.signature))
      assert.strictEqual(candidate.commitmentsHash, commitmentsHash(World.commitmentsOf(4n)))
      assert.strictEqual(descriptor.paraHead, headDataHash(World.commitmentsOf(4n).headData))
    })
  )

  it.effect("offers to the group of its para, and to nobody when there is none", () =>
    Effect.gen(function* () {
      const services = {
        runtime: yield* RuntimeApi.RuntimeApi,
        keystore: World.everybody as Keystore.Service
      }
      const offered: Array<number> = []
      const options: Collator.Options = {
        paraId: World.paraId,
        collator: World.collator,
        offer: ({ index }) => Effect.sync(() => void offered.push(index))
      }
      const made = yield* Collator.collateAt(options, services, World.relayParent, false)
      assert.deepStrictEqual(offered, [0, 1, 3])
      assert.strictEqual(made?.candidate.descriptor.relayParent, World.relayParent)
      assert.isUndefined(
        yield* Collator.collateAt({ ...options, paraId: 1 }, services, World.relayParent, false)
      )
      assert.isUndefined(
        yield* Collator.collateAt({ ...options, genesisState: 1n }, services, World.relayParent, false)
      )
      assert.deepStrictEqual(offered, [0, 1, 3])
    }).pipe(Effect.provide(World.runtime()))
  )
})
