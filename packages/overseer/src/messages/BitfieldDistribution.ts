/**
 * Bitfield distribution: gossips signed availability bitfields among validators.
 */
import type { Hash, SignedAvailabilityBitfield } from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"
import { Provisioner } from "./Provisioner.ts"

/** We have signed a bitfield: tell our peers. */
export interface DistributeBitfield {
  readonly _tag: "Distribute"
  readonly relayParent: Hash
  readonly bitfield: SignedAvailabilityBitfield
}

/** What bitfield distribution listens to. */
export type BitfieldDistributionMessage = DistributeBitfield

/** Address of bitfield distribution; 8192 messages, because every validator speaks at every leaf. */
export class BitfieldDistribution extends Subsystem.Service<
  BitfieldDistribution,
  BitfieldDistributionMessage
>()("@ephor/overseer/BitfieldDistribution", {
  capacity: 8192,
  priority: true,
  sends: () => [Provisioner]
}) {}
