/**
 * What a node tells the console, beside the figures of `Status`.
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import type { Status as Told } from "@ephor/cli"
import type { BlockRef } from "@ephor/types"
import { Clock, Effect, Metric, Stream } from "effect"
import type { ChainSpec } from "../ChainSpec.ts"
import type { Membership } from "../committee/Membership.ts"
import type { Extension } from "../Extension.ts"
import * as GovernanceStatus from "../GovernanceStatus.ts"
import type { NodeConfig } from "../NodeConfig.ts"
import * as Status from "../Status.ts"
import { addresses } from "../Validator.ts"
import { Validators } from "../Validators.ts"
import * as Counts from "./Counts.ts"
import * as Courtroom from "./Courtroom.ts"
import * as Parties from "./Parties.ts"
import * as Strip from "./Strip.ts"

const headOf = ({ hash, number, timestamp }: BlockRef): Told.Head => ({ hash, number, timestamp })

/** What this node does, in words. */
export const roleOf = ({ chainId }: ChainSpec, { follows, isNetworked, own }: Membership): string => {
  const who =
    own.length === 0
      ? "follower"
      : follows
        ? `validator ${own[0]?.index}`
        : isNetworked
          ? "sequencer"
          : "node"
  return `${who} of chain ${chainId}`
}

/** Gathers what the services of this node know. Listens to the chain for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (
  config: NodeConfig,
  spec: ChainSpec,
  membership: Membership,
  extension: Extension
) {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const validators = yield* Validators
  const { figures } = yield* Status.Status
  const strip = yield* Strip.follow
  const peers = yield* Parties.peers(membership)
  const subsystems = [...addresses, ...extension.subsystems]
  let lastEventTime = yield* Clock.currentTimeMillis
  yield* chain.events.pipe(
    Stream.runForEach(() => Effect.map(Clock.currentTimeMillis, (now) => void (lastEventTime = now))),
    Effect.forkScoped({ startImmediately: true })
  )
  return Effect.gen(function* () {
    const { crossSafe, crossUnsafe, finalized, localSafe, localUnsafe } = yield* chain.heads
    const heads = {
      localUnsafe: headOf(localUnsafe),
      crossUnsafe: headOf(crossUnsafe),
      localSafe: headOf(localSafe),
      crossSafe: headOf(crossSafe),
      finalized: headOf(finalized)
    }
    const at = localUnsafe.hash
    const courtroom = yield* Courtroom.tell(validators, runtime, at, GovernanceStatus.commandOf(config))
    const snapshots = yield* Metric.snapshot
    const parts: Told.Parts = {
      lastEventTime,
      ladders: [{ chainId: spec.chainId, heads }],
      strip: strip.tell(Courtroom.disputedOf(courtroom)),
      courtroom,
      validators: yield* Parties.validators(spec, membership, runtime, at),
      peers: yield* peers,
      publishing: Counts.publishing(snapshots),
      subsystems: membership.own.length === 0 ? undefined : Counts.subsystems(subsystems, snapshots)
    }
    return {
      ...(yield* figures),
      governance: yield* GovernanceStatus.report(config, validators.governance),
      ...parts
    }
  })
})
