import { assert, describe, it } from "@effect/vitest"
import { Keystore } from "@ephor/keystore"
import { MemoryNetwork, Network, Protocol } from "@ephor/network"
import type { NewCandidate } from "@ephor/overseer"
import {
  type CandidateDescriptor,
  collatorSignaturePayload,
  type Hash,
  type PoV,
  povHash,
  type Signature
} from "@ephor/types"
import { Context, Effect, Layer, Queue, Redacted } from "effect"
import * as Collations from "../src/committee/Collations.ts"
import * as Protocols from "../src/committee/Protocols.ts"
import { Validators } from "../src/Validators.ts"

const keysOf = (...secrets: ReadonlyArray<string>) =>
  Effect.provide(
    Keystore.Keystore.use(Effect.succeed),
    Keystore.layerSr25519({ secrets: secrets.map((secret) => Redacted.make(secret)) })
  )
const keys = await Effect.runPromise(keysOf("//Alice", "//Bob", "//Ferdie"))
const [alice, bob, ferdie] = keys.publicKeys as [Hash, Hash, Hash]
const hash = (byte: string): Hash => `0x${byte.repeat(32)}`
const relayParent = hash("aa")

/** A candidate of the collator with this proof, and its signature unless another one is given. */
const offerOf = Effect.fnUntraced(function* (pov: PoV, signature?: Signature) {
  const descriptor = {
    _tag: "V1" as const,
    paraId: 2000,
    relayParent,
    collator: ferdie,
    persistedValidationDataHash: hash("03"),
    povHash: povHash(pov),
    erasureRoot: hash("05"),
    paraHead: hash("07"),
    validationCodeHash: hash("08")
  }
  const signed: CandidateDescriptor = {
    ...descriptor,
    signature: signature ?? (yield* Effect.orDie(keys.sign(ferdie, collatorSignaturePayload(descriptor))))
  }
  const offer: NewCandidate = {
    _tag: "NewCandidate",
    relayParent,
    collator: ferdie,
    candidate: { descriptor: signed, commitmentsHash: hash("09") },
    pov,
    block: { block: pov.blockData }
  }
  return offer
})

/** The collator's process is Alice's, who announces to Bob; Mallory is nobody. */
const setup = Effect.gen(function* () {
  const hub = Context.get(
    yield* Layer.build(MemoryNetwork.layer({ validators: [alice, bob] })),
    MemoryNetwork.MemoryNetwork
  )
  const [ours, theirs] = [
    yield* hub.join({ id: "alice", authority: alice }),
    yield* hub.join({ id: "bob", authority: bob })
  ]
  const mallory = yield* hub.join({ id: "mallory" })
  const offered = yield* Queue.unbounded<NewCandidate>()
  const validators = Layer.mock(Validators, {
    governance: [],
    votes: [],
    offer: (_, candidate) => Effect.asVoid(Queue.offer(offered, candidate))
  })
  yield* Layer.build(
    Collations.layer({ index: 1, key: bob, secret: Redacted.make("//Bob") }, [alice, bob]).pipe(
      Layer.provide([validators, Layer.succeed(Network.Network, theirs)])
    )
  )
  const send = yield* Effect.provideService(Collations.sender(), Network.Network, ours)
  return { mallory, offered, send, theirs }
})

const target = { index: 1, key: bob }

describe("Collations", () => {
  it.live("reach a validator of another process, however long their proof is", () =>
    Effect.gen(function* () {
      const { offered, send } = yield* setup
      for (const bytes of [10, 5 * 1024 * 1024]) {
        const offer = yield* offerOf({ blockData: new Uint8Array(bytes).fill(7) })
        yield* send(target, offer)
        assert.deepStrictEqual(yield* Queue.take(offered), { ...offer, peer: "alice" })
      }
    }).pipe(Effect.scoped)
  )

  it.live("in a name that did not sign them cost who sent them, and are not asked for", () =>
    Effect.gen(function* () {
      const { mallory, offered, send, theirs } = yield* setup
      let asked = 0
      yield* mallory.serve({ ...Protocol.collationFetch }, () =>
        Effect.sync(() => (asked++, new Uint8Array()))
      )
      const forged = yield* offerOf({ blockData: Uint8Array.of(1) }, `0x${"01".repeat(64)}`)
      yield* mallory.notify(Protocol.collation, ["bob"], Protocols.announcement.encode(forged))
      yield* mallory.notify(Protocol.collation, ["bob"], Uint8Array.of(1, 2, 3))
      const honest = yield* offerOf({ blockData: Uint8Array.of(2) })
      yield* send(target, honest)
      assert.strictEqual((yield* Queue.take(offered)).peer, "alice")
      assert.isAtMost(yield* theirs.reputation("mallory"), -990)
      assert.isAtLeast(yield* theirs.reputation("alice"), 0)
      assert.strictEqual(asked, 0)
    }).pipe(Effect.scoped)
  )

  it.live("that somebody repeats without their proof cost nobody but that one", () =>
    Effect.gen(function* () {
      const { mallory, offered, send, theirs } = yield* setup
      const honest = yield* offerOf({ blockData: Uint8Array.of(2) })
      const served = yield* Queue.unbounded<void>()
      yield* mallory.serve(Protocol.collationFetch, () =>
        Effect.as(Queue.offer(served, undefined), Protocols.proof.encode({ blockData: Uint8Array.of(9) }))
      )
      yield* mallory.notify(Protocol.collation, ["bob"], Protocols.announcement.encode(honest))
      yield* Queue.take(served)
      yield* send(target, honest)
      assert.deepStrictEqual(yield* Queue.take(offered), { ...honest, peer: "alice" })
      assert.isBelow(yield* theirs.reputation("mallory"), -490)
    }).pipe(Effect.scoped)
  )
})
