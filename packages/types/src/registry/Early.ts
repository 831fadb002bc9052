/** Messages as they were before 2021. */
import * as Early from "../EarlyWire.ts"
import { family } from "./Family.ts"

/** See the head of the file. */
export const early = family(["scale", "json"], {
  "View(2020)": Early.EarlyView,
  "AvailabilityDistributionMessage(2020)": Early.EarlyAvailabilityDistributionMessage,
  "BitfieldDistributionMessage(2020)": Early.EarlyBitfieldDistributionMessage,
  "PoVDistributionMessage(2020)": Early.EarlyPoVDistributionMessage,
  "StatementDistributionMessage(2020)": Early.EarlyStatementDistributionMessage,
  "ValidationProtocol(2020)": Early.EarlyValidationProtocol,
  "CollatorProtocolMessage(2020)": Early.EarlyCollatorProtocolMessage,
  "CollationProtocol(2020)": Early.EarlyCollationProtocol,
  "WireMessage<ValidationProtocol 2020>": Early.EarlyValidationWireMessage,
  "WireMessage<CollationProtocol 2020>": Early.EarlyCollationWireMessage
})
