/**
 * Bitfield signing: at each leaf, signs which availability cores we hold our chunk for. It works on signals alone.
 */
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityStore } from "./AvailabilityStore.ts"
import { BitfieldDistribution } from "./BitfieldDistribution.ts"

/** Nothing can be sent to bitfield signing. */
export type BitfieldSigningMessage = never

/** Address of bitfield signing. */
export class BitfieldSigning extends Subsystem.Service<BitfieldSigning, BitfieldSigningMessage>()(
  "@ephor/overseer/BitfieldSigning",
  { sends: () => [AvailabilityStore, BitfieldDistribution] }
) {}
