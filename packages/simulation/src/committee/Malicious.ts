/** A malicious validator: it has its key and its place in the network, and keeps no rule. */
import { type MemoryNetwork, type Network, Protocol, View } from "@ephor/network"
import {
  AvailableData,
  candidateHash,
  CandidateHash,
  EarlyStatementDistributionMessage,
  type Hash,
  Scale,
  type SignedFullStatement,
  type ValidatorIndex
} from "@ephor/types"
import { Effect, Option, Schema } from "effect"
import * as Keys from "./Keys.ts"
import * as Setting from "./Setting.ts"

/** What a malicious validator does at a leaf. */
export const crimes = ["garbage", "double", "flood", "forgery"] as const
/** One of them. */
export type Crime = (typeof crimes)[number]

const statement = Scale.encode(EarlyStatementDistributionMessage)
const decodeHash = Scale.decode(CandidateHash)
const answer = Scale.encode(Schema.NullOr(AvailableData))

/** How often a flood repeats itself: enough to be banned. And at how many peers; at all of them is only slower. */
const floodLength = 60
const floodedPeers = 20

/** A malicious peer. */
export interface Malicious {
  readonly index: ValidatorIndex
  readonly commit: (
    crime: Crime,
    leaf: Setting.Leaf,
    group: number
  ) => Effect.Effect<ReadonlyArray<CandidateHash>>
}

/** Joins the network as a malicious validator. */
export const start = Effect.fnUntraced(function* (
  index: ValidatorIndex,
  hub: MemoryNetwork.Service,
  groupSize: number
) {
  const network: Network.Service = yield* hub.join({
    id: Setting.nameOf(index),
    authority: Keys.keyOf(Setting.nameOf(index))
  })
  const offers = new Map<CandidateHash, ReturnType<typeof Setting.dataOf>>()
  yield* network.serve(Protocol.availableData, (_, bytes) =>
    Effect.sync(() => answer(Option.getOrNull(Option.fromUndefinedOr(offers.get(decodeHash(bytes))))))
  )
  const say = (leaf: Hash, signed: SignedFullStatement, limit?: number) =>
    Effect.flatMap(network.peers, (peers) =>
      Effect.orDie(
        network.notify(
          Protocol.statement,
          peers.slice(0, limit).map(({ id }) => id),
          statement({ _tag: "Statement", value: [leaf, signed] })
        )
      )
    )
  const second = Effect.fnUntraced(function* (leaf: Setting.Leaf, offer: Setting.Offer) {
    offers.set(candidateHash(offer.candidate), Setting.dataOf(leaf, offer))
    const signed = yield* Effect.orDie(
      Setting.sign(index, { _tag: "Seconded", value: offer.committed }, leaf)
    )
    yield* say(leaf.hash, signed)
    return signed
  })
  const malicious: Malicious = {
    index,
    commit: Effect.fnUntraced(function* (crime, leaf, group) {
      yield* network.setView(View.make([leaf.hash], 0))
      const number = BigInt(1000 + index)
      if (crime === "garbage") {
        const offer = yield* Setting.offer(leaf, group, number, true)
        yield* second(leaf, offer)
        return [candidateHash(offer.candidate)]
      }
      const one = yield* Setting.offer(leaf, group, number)
      if (crime === "double") {
        yield* second(leaf, one)
        yield* second(leaf, yield* Setting.offer(leaf, group, number + 1n))
      } else if (crime === "flood") {
        const signed = yield* second(leaf, one)
        for (let i = 0; i < floodLength; i++) yield* say(leaf.hash, signed, floodedPeers)
      } else {
        const signed = yield* Effect.orDie(
          Setting.sign(index, { _tag: "Seconded", value: one.committed }, leaf)
        )
        const neighbour = group * groupSize + ((index + 1) % groupSize)
        for (let i = 0; i < 3; i++) yield* say(leaf.hash, { ...signed, validatorIndex: neighbour })
      }
      return []
    }, Effect.orDie)
  }
  return malicious
})
