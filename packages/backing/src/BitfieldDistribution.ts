/**
 * Bitfield distribution: carries signed bitfields between validators and to the provisioner.
 *
 * One bitfield per validator and leaf; peers are told when they work on the leaf. Validators of development
 * networks are all connected with each other, so what comes from a peer is not passed on.
 */
import { Effect, type Layer, Metric, Result, Stream } from "effect"
import { Keystore, RuntimeApi } from "@ephor/chain"
import { Network, Protocol, Reputation, View } from "@ephor/network"
import {
  BitfieldDistribution,
  type DistributeBitfield,
  Overseer,
  Provisioner,
  Signal,
  Subsystem
} from "@ephor/overseer"
import {
  BitfieldDistributionMessage,
  bitfieldPayload,
  type Hash,
  Scale,
  type SignedAvailabilityBitfield,
  type ValidatorIndex
} from "@ephor/types"
import { Recent } from "./internal/Recent.ts"
import { type Session, sessionAt } from "./internal/session.ts"
import * as Metrics from "./Metrics.ts"

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

/** What the subsystem knows while it runs. */
interface State {
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly network: Network.Service
  readonly heads: Map<Hash, Head>
  readonly left: Recent<Hash>
  readonly views: Map<Network.PeerId, View.View>
}

const provide = (relayParent: Hash, bitfield: SignedAvailabilityBitfield) =>
  Provisioner.send({
    _tag: "ProvisionableData",
    relayParent,
    data: { _tag: "Bitfield", relayParent, bitfield }
  })

const transmit = (
  { network }: State,
  peers: ReadonlyArray<Network.PeerId>,
  relayParent: Hash,
  bitfield: SignedAvailabilityBitfield
) =>
  network
    .notify(Protocol.bitfield, peers, encode({ _tag: "Bitfield", value: [relayParent, bitfield] }))
    .pipe(Effect.catch((error) => Effect.logWarning("a bitfield was not sent", error.message)))

const judge = Effect.fnUntraced(function* (
  { network }: State,
  peer: Network.PeerId,
  conduct: keyof typeof Reputation.changes
) {
  yield* Metric.update(Metrics.conduct(conduct), 1)
  yield* network.report(peer, Reputation.changes[conduct], `bitfield: ${conduct}`)
})

const distribute = Effect.fnUntraced(function* (state: State, { bitfield, relayParent }: DistributeBitfield) {
  const head = state.heads.get(relayParent)
  if (head === undefined || head.own !== undefined) return
  head.own = bitfield
  const working = [...state.views]
    .filter(([, view]) => View.contains(view, relayParent))
    .map(([peer]) => peer)
  yield* transmit(state, working, relayParent, bitfield)
  yield* provide(relayParent, bitfield)
})

const receive = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  relayParent: Hash,
  bitfield: SignedAvailabilityBitfield
) {
  const head = state.heads.get(relayParent)
  if (head === undefined)
    return state.left.has(relayParent) ? undefined : yield* judge(state, peer, "unexpected")
  const { payload, signature, validatorIndex } = bitfield
  const key = head.session.validators[validatorIndex]
  if (key === undefined || payload.length !== head.cores) return yield* judge(state, peer, "badSignature")
  if (head.received.has(validatorIndex)) return yield* judge(state, peer, "duplicate")
  if (!(yield* state.keystore.verify(key, bitfieldPayload(payload, head.session.context), signature))) {
    return yield* judge(state, peer, "badSignature")
  }
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

const onView = Effect.fnUntraced(function* (state: State, peer: Network.PeerId, view: View.View) {
  const added = View.added(state.views.get(peer) ?? View.empty, view)
  state.views.set(peer, view)
  for (const hash of added) {
    const own = state.heads.get(hash)?.own
    if (own !== undefined) yield* transmit(state, [peer], hash, own)
  }
})

const onEvent = (state: State, event: Network.NetworkEvent): Effect.Effect<void, never, Provisioner> => {
  switch (event._tag) {
    case "PeerConnected":
      return Effect.sync(() => void state.views.set(event.peer, View.empty))
    case "PeerDisconnected":
      return Effect.sync(() => void state.views.delete(event.peer))
    case "PeerViewChange":
      return onView(state, event.peer, event.view)
    case "PeerMessage":
      return onBytes(state, event.peer, event.bytes)
  }
}

const start = Effect.fnUntraced(
  function* (state: State, relayParent: Hash) {
    const session = yield* sessionAt(state.runtime, state.keystore, relayParent)
    const cores = yield* state.runtime.availabilityCores(relayParent)
    state.heads.set(relayParent, { session, cores: cores.length, received: new Set(), own: undefined })
  },
  Effect.catchTag("RuntimeApiError", (error) => Effect.logWarning("no bitfields at this leaf", error.message))
)

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      network: yield* Network.Network,
      heads: new Map(),
      left: new Recent(limits.recentHeads),
      views: new Map()
    }
    const events = state.network.eventsOf(Protocol.bitfield)
    yield* Subsystem.spawn(Stream.runForEach(events, (event) => onEvent(state, event)))
    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) if (state.heads.delete(hash)) state.left.add(hash)
          if (activated !== null) yield* start(state, activated.hash)
        }),
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
