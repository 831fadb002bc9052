/**
 * The adder parachain, for development: its state is one number, a block adds another. This is the native twin
 * of the validation function in `assembly/adder`: both hash with BLAKE2b-256 and follow one layout.
 */
import { Result, type Schema } from "effect"
import { Base64 } from "effect/encoding"
import { blake2b256, Hash, Scale, type ValidationResult, validationCodeHash, Wire } from "@ephor/types"
import base64 from "./adder/adder.gen.ts"

/** Head data: 72 bytes of SCALE. `postState` is the hash of the state after this block. */
export const AdderHead = Wire.record({ number: Wire.U64, parentHash: Hash, postState: Hash })
export interface AdderHead extends Schema.Schema.Type<typeof AdderHead> {}

/** Block data: 16 bytes of SCALE. The state the block starts from, and what it adds, modulo 2^64. */
export const AdderBlock = Wire.record({ state: Wire.U64, add: Wire.U64 })
export interface AdderBlock extends Schema.Schema.Type<typeof AdderBlock> {}

/** The validation function: WebAssembly, without imports. */
export const code: Uint8Array = Result.getOrThrow(Base64.decode(base64))

/** Hash of `code`, as descriptors carry it. */
export const codeHash: Hash = validationCodeHash(code)

/** Hash of a state, as a head carries it. */
export const stateHash = (state: bigint): Hash => blake2b256(Scale.encode(Wire.U64)(state))

/** Head data as bytes. */
export const encodeHead = Scale.encode(AdderHead)
/** Head data from bytes; throws `CodecError` for anything else. */
export const decodeHead = Scale.decode(AdderHead)
/** Block data as bytes. */
export const encodeBlock = Scale.encode(AdderBlock)

/** The head before the first block, with a state. */
export const genesis = (state = 0n): AdderHead => ({
  number: 0n,
  parentHash: `0x${"00".repeat(32)}`,
  postState: stateHash(state)
})

/** The state after a block. */
export const nextState = (block: AdderBlock): bigint => BigInt.asUintN(64, block.state + block.add)

/** The head a valid block leads to. */
export const nextHead = (parentHead: Uint8Array, block: AdderBlock): AdderHead => ({
  number: decodeHead(parentHead).number + 1n,
  parentHash: blake2b256(parentHead),
  postState: stateHash(nextState(block))
})

/** What the validation function answers for a valid block. */
export const expectedResult = (
  parentHead: Uint8Array,
  block: AdderBlock,
  relayParentNumber: number
): ValidationResult => ({
  headData: encodeHead(nextHead(parentHead, block)),
  newValidationCode: null,
  upwardMessages: [],
  horizontalMessages: [],
  processedDownwardMessages: 0,
  hrmpWatermark: relayParentNumber
})

/**
 * A wrong head for a block: the state is one too high. What a faulty collator offers, and the validation
 * function contradicts.
 */
export const garbageResult = (
  parentHead: Uint8Array,
  block: AdderBlock,
  relayParentNumber: number
): ValidationResult => ({
  ...expectedResult(parentHead, block, relayParentNumber),
  headData: encodeHead({
    ...nextHead(parentHead, block),
    postState: stateHash(BigInt.asUintN(64, nextState(block) + 1n))
  })
})
