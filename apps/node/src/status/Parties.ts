/** The validators of the chain, and the peers of this process. */
import type { RuntimeApi } from "@ephor/chain"
import type { Status as Told } from "@ephor/cli"
import { Network } from "@ephor/network"
import type { Hash } from "@ephor/types"
import { Effect, Option } from "effect"
import type { ChainSpec } from "../ChainSpec.ts"
import type { Membership } from "../committee/Membership.ts"

/** Peers that are told; there may be more. */
const toldPeers = 100

/** Who validates, and who may not. */
export const validators = Effect.fnUntraced(function* (
  spec: ChainSpec,
  { own, validators: keys }: Membership,
  runtime: RuntimeApi.Service,
  head: Hash
) {
  const disabled = yield* runtime
    .disabledValidators(head)
    .pipe(Effect.orElseSucceed((): ReadonlyArray<number> => []))
  return keys.map((_, index): Told.ValidatorView => {
    const group = spec.groups.findIndex((members) => members.includes(index))
    return {
      index,
      group: group < 0 ? undefined : group,
      isOwn: own.some((one) => one.index === index),
      isDisabled: disabled.includes(index),
      isFaulty: spec.faultyValidators.includes(index)
    }
  })
})

/** Who is connected; nothing where all validators are in this process. */
export const peers = ({ validators: keys }: Membership) =>
  Effect.gen(function* () {
    const network = yield* Effect.serviceOption(Network.Network)
    if (Option.isNone(network)) return Effect.undefined
    return Effect.flatMap(network.value.peers, (all) =>
      Effect.forEach(all.slice(0, toldPeers), ({ authority, id }) =>
        Effect.map(network.value.reputation(id), (reputation): Told.PeerView => {
          const validator = authority === undefined ? -1 : keys.indexOf(authority)
          return { id, validator: validator < 0 ? undefined : validator, reputation }
        })
      )
    )
  })
