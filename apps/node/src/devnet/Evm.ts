/**
 * Two contracts in EVM bytecode, small enough to be written by hand: one emits any log, one stands where the
 * `CrossL2Inbox` stands and emits its `ExecutingMessage` event. The development network puts them in place on real
 * execution clients.
 */
import type { Address, HexData } from "@ephor/types"

/**
 * Emits a log with one topic: topic = calldata[0..32], data = calldata[32..].
 *
 * `PUSH1 32 CALLDATASIZE SUB | DUP1 PUSH1 32 PUSH0 CALLDATACOPY | PUSH0 CALLDATALOAD SWAP1 PUSH0 LOG1 STOP`
 */
export const emitterCode: HexData = "0x602036038060205f375f35905fa100"

/**
 * Emits a log with two topics, the shape of `ExecutingMessage`: topics = calldata[0..64], data = calldata[64..].
 *
 * `PUSH1 64 CALLDATASIZE SUB | DUP1 PUSH1 64 PUSH0 CALLDATACOPY | PUSH0 CALLDATALOAD PUSH1 32 CALLDATALOAD SWAP2 PUSH0
 * LOG2 STOP`
 */
export const inboxCode: HexData = "0x604036038060405f375f35602035915fa200"

/** Where the development network puts the emitter. */
export const emitterAddress: Address = "0x4200000000000000000000000000000000000e0e"
