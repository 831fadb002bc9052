/**
 * What a parachain tells validators by way of its upward messages: after an empty message, which stays with the relay
 * chain, at most one signal of each kind. (polkadot-sdk, `UMPSignal`.)
 */
import { Schema } from "effect"
import { bounded, Bytes, U8, variants } from "./codec/Wire.ts"
import type { CandidateDescriptor } from "./Candidate.ts"

const maxPeerBytes = 64

/** `SelectCore` is a core selector and an offset in the claim queue; `ApprovedPeer` at most 64 bytes. */
export const UMPSignal = variants({
  SelectCore: [0, Schema.Tuple([U8, U8])],
  ApprovedPeer: [1, Bytes.pipe(bounded(0, maxPeerBytes))]
})
export type UMPSignal = typeof UMPSignal.Type

/** What is wrong with the signals of a candidate. */
export type UMPSignalFault =
  /** A signal does not decode, or names a peer of more than 64 bytes. */
  | "UmpSignalDecode"
  | "DuplicateUMPSignal"
  | "TooManyUMPSignals"
  /** A parachain that signals has to use descriptors of version 2. */
  | "UMPSignalWithV1Descriptor"
  /** The parachain has no core at the offset. */
  | "NoAssignment"
  /** Without a selector, the descriptor names a core that is not one of several. */
  | "InvalidCoreIndex"
  /** The descriptor names another core than the selector. */
  | "CoreIndexMismatch"

/** Length and end of a SCALE compact below 2^14, in its shortest form. */
const readCompact = (bytes: Uint8Array, at: number): readonly [number, number] | undefined => {
  const first = bytes[at]
  if (first === undefined) return undefined
  if ((first & 3) === 0) return [first >> 2, at + 1]
  const second = bytes[at + 1]
  if ((first & 3) !== 1 || second === undefined) return undefined
  const value = (first | (second << 8)) >> 2
  return value < 64 ? undefined : [value, at + 2]
}

/** Reads one signal. What follows it in the message is ignored, as validators do: it decides what is invalid. */
const decodeSignal = (message: Uint8Array): UMPSignal | undefined => {
  if (message[0] === 0 && message.length >= 3) {
    return { _tag: "SelectCore", value: [message[1]!, message[2]!] }
  }
  if (message[0] !== 1) return undefined
  const length = readCompact(message, 1)
  if (length === undefined || length[0] > maxPeerBytes || length[1] + length[0] > message.length) {
    return undefined
  }
  return { _tag: "ApprovedPeer", value: message.slice(length[1], length[1] + length[0]) }
}

/** The signals among upward messages, or why there are none that count. */
export const umpSignals = (
  upwardMessages: ReadonlyArray<Uint8Array>
): ReadonlyArray<UMPSignal> | UMPSignalFault => {
  const separator = upwardMessages.findIndex(({ length }) => length === 0)
  if (separator === -1) return []
  const messages = upwardMessages.slice(separator + 1)
  const signals: Array<UMPSignal> = []
  for (const message of messages.slice(0, 2)) {
    const signal = decodeSignal(message)
    if (signal === undefined) return "UmpSignalDecode"
    if (signals[0]?._tag === signal._tag) return "DuplicateUMPSignal"
    signals.push(signal)
  }
  return messages.length > 2 ? "TooManyUMPSignals" : signals
}

/**
 * What is wrong with the signals of a candidate, or with the core that its descriptor names. `assignedCores` are those
 * of its parachain at an offset in the claim queue, lowest first; without a selector the offset is 0.
 */
export const umpSignalFault = (
  descriptor: CandidateDescriptor,
  upwardMessages: ReadonlyArray<Uint8Array>,
  assignedCores: (claimQueueOffset: number) => ReadonlyArray<number>
): UMPSignalFault | undefined => {
  const signals = umpSignals(upwardMessages)
  if (typeof signals === "string") return signals
  if (descriptor._tag === "V1") return signals.length === 0 ? undefined : "UMPSignalWithV1Descriptor"
  const selection = signals.find((signal) => signal._tag === "SelectCore")
  const cores = assignedCores(selection?.value[1] ?? 0)
  if (cores.length === 0) return "NoAssignment"
  if (selection === undefined && cores.length > 1) {
    return cores.includes(descriptor.coreIndex) ? undefined : "InvalidCoreIndex"
  }
  const selected = cores[(selection?.value[0] ?? 0) % cores.length]
  return selected === descriptor.coreIndex ? undefined : "CoreIndexMismatch"
}
