/**
 * The port through which validation functions (PVFs) of parachains are executed.
 *
 * A function is a WebAssembly module that exports `validate_block(pointer: i32, length: i32) -> i64` and a
 * memory. Its input is SCALE `ValidationParams`; the answer packs the place of SCALE `ValidationResult`:
 * pointer in the low, length in the high 32 bits. The input is written where the module's exported
 * `alloc(length: i32) -> i32` says; without one, the memory grows by as many pages as the input needs and the
 * input starts there. (Polkadot, parachain validation function interface.)
 */
import { Context, type Effect } from "effect"
import type { Hash, ValidationParams, ValidationResult } from "@ephor/types"

/**
 * One execution. `code` is the raw module; give `codeHash` if you have it, to save hashing the code for the
 * cache.
 */
export interface PvfRequest {
  readonly code: Uint8Array
  readonly codeHash?: Hash
  readonly params: ValidationParams
  /** CPU time of the execution alone, without compilation and without waiting for a worker. */
  readonly timeoutMs: number
  /** Pages of 64 KiB the module's memory may have. Default: `Limits.maxMemoryPages` of the layer. */
  readonly maxMemoryPages?: number
}

/**
 * How an execution ended, closed.
 *
 * `Valid`: it answered. `Timeout`, `Trapped`, `OutOfMemory`, `BadReturn`: the candidate's or the code's fault.
 * `CompileFailure`: the same on every machine, and should have been found before the code was accepted.
 * `WorkerDied`: its process crashed; try again once, for another crash is no accident. `Internal`: this machine's
 * fault (no memory, no answer though little time was used, ended from outside): judge nothing.
 */
export type PvfOutcome =
  | { readonly _tag: "Valid"; readonly result: ValidationResult }
  | { readonly _tag: "Timeout"; readonly timeoutMs: number }
  | {
      readonly _tag: "Trapped" | "OutOfMemory" | "BadReturn" | "CompileFailure" | "WorkerDied" | "Internal"
      readonly why: string
    }

/** Shape of an executor. It never fails: every ending is an outcome. */
export interface Service {
  readonly execute: (request: PvfRequest) => Effect.Effect<PvfOutcome>
}

/** Executes validation functions. */
export class Pvf extends Context.Service<Pvf, Service>()("@ephor/backing/Pvf") {}
