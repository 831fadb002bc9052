/**
 * A runtime that never moves, for rigs that need validators and nothing else.
 */
import { RuntimeApi } from "@ephor/chain/RuntimeApi"
import { type Hash, type SessionIndex, validationCodeHash, type ValidatorId } from "@ephor/types"
import { Effect, Layer, Option } from "effect"
import { defaults, genesisState, type Options } from "./DevRuntime.ts"
import { runtimeApi } from "./runtime/Api.ts"

/** What is answered. */
export interface Settings extends Partial<Options> {
  readonly validators: ReadonlyArray<ValidatorId>
  /** The session that every block is in. Default 0. */
  readonly session?: SessionIndex
}

/**
 * Answers alike for every block, known or not: for rigs that need validators and nothing else. Without `groups`, all
 * validators are one group. Heads and code of `paras` stay as they are given.
 */
export const layer = (options: Settings): Layer.Layer<RuntimeApi> =>
  Layer.sync(RuntimeApi, () => {
    const everybody = options.validators.map((_, index) => index)
    const known: Options = { ...defaults, groups: [everybody], paras: [], ...options }
    const zero: Hash = `0x${"00".repeat(32)}`
    const number = (options.session ?? 0) * known.sessionLengthBlocks
    const id = { hash: zero, number }
    const state = genesisState(known, {
      ref: { ...id, parentHash: zero, timestamp: 0, l1origin: id, sequenceNumber: 0 },
      output: { stateRoot: zero, messagePasserStorageRoot: zero, blockHash: zero }
    })
    const codes = new Map(
      known.paras.map(({ validationCode }) => [validationCodeHash(validationCode), validationCode])
    )
    return runtimeApi(
      known,
      () => Effect.succeed(state),
      (hash) => Effect.succeed(Option.fromUndefinedOr(codes.get(hash)))
    )
  })
