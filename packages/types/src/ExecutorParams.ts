/**
 * The environment in which a session executes validation functions (`ExecutorParams` of polkadot-sdk).
 */
import { Schema } from "effect"
import * as Scale from "./codec/Scale.ts"
import { Count, U32, variants } from "./codec/Wire.ts"
import { blake2b256 } from "./Hashing.ts"
import type { Hash } from "./Primitives.ts"

/** What code is prepared for: the check before it may be used, or execution. */
export const PvfPrepKind = variants({ Precheck: [0], Prepare: [1] })
export type PvfPrepKind = typeof PvfPrepKind.Type

/** What code is executed for: backing, or approval and disputes. */
export const PvfExecKind = variants({ Backing: [0], Approval: [1] })
export type PvfExecKind = typeof PvfExecKind.Type

/** Host functions that parachains may call once a session says so. */
export const ExecutorHostFunction = variants({ EccRfc163: [1] })
export type ExecutorHostFunction = typeof ExecutorHostFunction.Type

/**
 * One parameter: pages of 64 KiB, values on the logical stack, bytes of native stack, bytes of memory while checking
 * beforehand, milliseconds for preparation and for execution, whether bulk memory operations are allowed, and which host
 * functions. Numbers from 2^53 on, which the reference would read, are refused: no machine has so much memory or time.
 */
export const ExecutorParam = variants({
  MaxMemoryPages: [1, U32],
  StackLogicalMax: [2, U32],
  StackNativeMax: [3, U32],
  PrecheckingMaxMemory: [4, Count],
  PvfPrepTimeout: [5, Schema.Tuple([PvfPrepKind, Count])],
  PvfExecTimeout: [6, Schema.Tuple([PvfExecKind, Count])],
  WasmExtBulkMemory: [7],
  EnabledHostFunction: [8, ExecutorHostFunction]
})
export type ExecutorParam = typeof ExecutorParam.Type

/** The parameters of a session; what is not named has its default. */
export const ExecutorParams = Schema.Array(ExecutorParam)
export type ExecutorParams = typeof ExecutorParams.Type

/** Hash of the SCALE of parameters: what prepared code is kept under. */
export const executorParamsHash = (params: ExecutorParams): Hash =>
  blake2b256(Scale.encode(ExecutorParams)(params))
