/** The development runtime of a chain: its states, what an author may put into a block, and the answers about it. */
import { CandidateHash, validationCodeHash } from "@ephor/types"
import { Effect, Metric, Option } from "effect"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import type { SubDag } from "@ephor/chain/DagBody"
import { relayHeader } from "../DevExecution.ts"
import { inherentsMissed } from "../DevMetrics.ts"
import { tooLarge } from "../authoring/Filling.ts"
import * as DevRuntime from "../DevRuntime.ts"
import type { DevTransaction } from "../DevTransaction.ts"
import type { Service as RuntimeApi } from "@ephor/chain/RuntimeApi"
import { Store, type StoreError } from "@ephor/store/Store"
import { runtimeApi } from "./Api.ts"
import { committedAt } from "./Committed.ts"
import * as Inclusions from "./Inclusions.ts"
import { sr25519Verify, sr25519VerifyAll } from "@ephor/keystore/Signatures"
import { makeRejections } from "./Rejections.ts"
import { codes, type Limits, makeStateStore, type Provided } from "./StateStore.ts"

/** States of the runtime with what depends on them. */
export interface RelayStates {
  /** Computes and stores the state of a block that was made here. */
  readonly advance: (parent: ChainBlock, block: ChainBlock, subDag: SubDag) => Effect.Effect<void, StoreError>
  /** The transactions by which the child of `parent` carries what it would accept of an inherent: one, or none. */
  readonly carrying: (
    parent: ChainBlock,
    inherent: Provided | null | undefined
  ) => Effect.Effect<ReadonlyArray<DevTransaction>, StoreError>
  /** Bars a candidate from being backed ever again. Durable when it returns. */
  readonly reject: (candidate: CandidateHash) => Effect.Effect<void, StoreError>
  readonly api: RuntimeApi
}

/** Takes the runtime up from the store. */
export const makeRelayStates = Effect.fnUntraced(function* (
  options: DevRuntime.Options,
  limits: Limits,
  view: () => Pick<Chain, "anchor" | "block" | "content" | "head">
) {
  const store = yield* Store
  const rejected = yield* makeRejections(Math.max(limits.keptStates, options.allowedAncestry + 1), view)
  yield* store.batch(
    options.paras.map(({ validationCode }) => codes.put([validationCodeHash(validationCode)], validationCode))
  )
  const context: DevRuntime.Context = {
    options,
    verify: sr25519Verify,
    verifyAll: sr25519VerifyAll,
    isRejected: rejected.has
  }
  // What a block did is the same for everybody: a rejection only keeps its candidate out of the blocks made here.
  const everybody: DevRuntime.Context = { ...context, isRejected: () => false }
  const { advance, stateAt } = yield* makeStateStore(everybody, limits, view)
  const codeOf = (hash: `0x${string}`) =>
    Effect.map(
      codes.get(store, [hash]),
      Option.map((bytes) => bytes.slice())
    )

  const relay: RelayStates = {
    advance,
    carrying: Effect.fnUntraced(function* (parent, inherent) {
      if (inherent === null || inherent === undefined) return []
      const state = yield* Effect.option(stateAt(parent.ref.hash, "carrying"))
      if (Option.isNone(state)) return []
      const { accepted, evidence } = DevRuntime.apply(context, state.value, inherent, inherent.evidence)
      const proofs: ReadonlyArray<DevTransaction> =
        evidence.length === 0 ? [] : [{ _tag: "Evidence", value: evidence }]
      const made: DevTransaction = {
        _tag: "Inherent",
        value: { ...accepted, parentHeader: relayHeader(parent) }
      }
      const what = tooLarge(made)
      if (what === undefined) return [made, ...proofs.filter((proof) => tooLarge(proof) === undefined)]
      yield* Effect.logWarning(`block ${parent.ref.number + 1} goes without an inherent: ${what}`)
      yield* Metric.update(inherentsMissed, 1)
      return []
    }),
    reject: rejected.add,
    api: runtimeApi(
      options,
      stateAt,
      codeOf,
      (candidate) => Inclusions.blocksWith(options, store, view(), candidate),
      (at, candidate) => committedAt(options, view(), at, candidate)
    )
  }
  return relay
})
