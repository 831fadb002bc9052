/**
 * Bitfield distribution: carries signed bitfields between validators and to the provisioner.
 *
 * One bitfield per validator and leaf; peers are told when they work on the leaf. Validators of development
 * networks are all connected with each other, so what comes from a peer is not passed on.
 */
import { Effect, type Layer, Result } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { type Network, Protocol, Reputation } from "@ephor/network"
import { BitfieldDistribution, type DistributeBitfield, Overseer, Provisioner, Signal } from "@ephor/overseer"
import {
  BitfieldDistributionMessage,
  bitfieldPayload,
  type Hash,
  Scale,
  type SignedAvailabilityBitfield,
  type ValidatorIndex
} from "@ephor/types"
import * as Gossip from "./statements/Gossip.ts"
import { type Session, sessionAt } from "./shared/Session.ts"

/** Limits of bitfield distribution. */
export interface Limits {
  /** Leaves we have left whose late bitfields cost nothing. */
  readonly recentHeads: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { recentHeads: 32 }

interface Head {
  readonly session: Session
  readonly cores: number
  readonly received: Set<ValidatorIndex>
  own: SignedAvailabilityBitfield | undefined
}

const decode = Scale.decodeResult(BitfieldDistributionMessage)
const encode = Scale.encode(BitfieldDistributionMessage)

/** What the subsystem knows while it runs; of peers, whose bitfields they have sent. */
interface State {
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly gossip: Gossip.Gossip<Head, Set<ValidatorIndex>>
}

const provide = (relayParent: Hash, bitfield: SignedAvailabilityBitfield) =>
  Provisioner.send({
    _tag: "ProvisionableData",
    relayParent,
    data: { _tag: "Bitfield", relayParent, bitfield }
  })

const transmit = (
  { gossip }: State,
  peers: ReadonlyArray<Network.PeerId>,
  relayParent: Hash,
  bitfield: SignedAvailabilityBitfield
) =>
  Gossip.transmit(
    gossip,
    Protocol.bitfield,
    peers,
    encode({ _tag: "Bitfield", value: [relayParent, bitfield] })
  )

const judge = ({ gossip }: State, peer: Network.PeerId, conduct: keyof typeof Reputation.changes) =>
  Gossip.judge(gossip, peer, conduct, Reputation.changes[conduct])

const distribute = Effect.fnUntraced(function* (state: State, { bitfield, relayParent }: DistributeBitfield) {
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined || head.own !== undefined) return
  head.own = bitfield
  yield* transmit(state, Gossip.working(state.gossip, relayParent), relayParent, bitfield)
  yield* provide(relayParent, bitfield)
})

const receive = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  relayParent: Hash,
  bitfield: SignedAvailabilityBitfield
) {
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined)
    return state.gossip.left.has(relayParent) ? undefined : yield* judge(state, peer, "unexpected")
  const { payload, signature, validatorIndex } = bitfield
  const key = head.session.validators[validatorIndex]
  if (key === undefined || payload.length !== head.cores) return yield* judge(state, peer, "badSignature")
  // Judged by what this very peer sent: another one may have sent a copy of the bitfield before its signer did.
  const sent = Gossip.knownOf(state.gossip, peer, relayParent)
  if (sent?.has(validatorIndex)) return yield* judge(state, peer, "duplicate")
  const isKnown = head.received.has(validatorIndex)
  if (isKnown && sent === undefined) return
  if (!(yield* state.keystore.verify(key, bitfieldPayload(payload, head.session.context), signature))) {
    return yield* judge(state, peer, "badSignature")
  }
  sent?.add(validatorIndex)
  if (isKnown) return
  head.received.add(validatorIndex)
  yield* judge(state, peer, "validFirst")
  yield* provide(relayParent, bitfield)
})

const onBytes = (state: State, peer: Network.PeerId, bytes: Uint8Array) => {
  const message = decode(bytes)
  return Result.isSuccess(message)
    ? receive(state, peer, message.success.value[0], message.success.value[1])
    : judge(state, peer, "badSignature")
}

const enter = Effect.fnUntraced(function* ({ keystore, runtime }: State, relayParent: Hash) {
  const session = yield* sessionAt(runtime, keystore, relayParent)
  const cores = yield* runtime.availabilityCores(relayParent)
  const head: Head = { session, cores: cores.length, received: new Set(), own: undefined }
  return head
})

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      gossip: yield* Gossip.make<Head, Set<ValidatorIndex>>("bitfield", limits.recentHeads)
    }
    const onLeaves = yield* Gossip.run(state.gossip, Protocol.bitfield, {
      enter: (relayParent) => enter(state, relayParent),
      meet: () => new Set(),
      greet: (peer, relayParent, { own }) =>
        own === undefined ? Effect.void : transmit(state, [peer], relayParent, own),
      receive: (peer, bytes) => onBytes(state, peer, bytes)
    })
    return {
      signal: Signal.match({
        ActiveLeaves: onLeaves,
        BlockFinalized: () => Effect.void,
        Conclude: () => Effect.void
      }),
      message: (message: DistributeBitfield) => distribute(state, message)
    }
  })

/** Everything bitfield distribution needs to run. */
export type Requirements =
  | BitfieldDistribution
  | Provisioner
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Network.Network

/** Distributes bitfields among peers. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  BitfieldDistribution.toLayer(make({ ...defaults, ...options }))
