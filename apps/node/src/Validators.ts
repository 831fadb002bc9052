/**
 * The validators of this process: each one a page of its own over the shared chain, with its own keys, its own part of
 * the store and its own place in the network between them. Usually all of the chain over a network in memory, or one of
 * a committee of processes over a real one.
 */
import type { Collator } from "@ephor/backing"
import { DevChain } from "@ephor/devchain"
import { Store } from "@ephor/store"
import * as NodeKeystore from "@ephor/keystore/NodeKeystore"
import { Disputes, Enforcement, VotesDb } from "@ephor/disputes"
import type { Network } from "@ephor/network"
import {
  CandidateSelection,
  type Mailbox,
  type NewCandidate,
  Overseer,
  type OverseerError,
  VotesDatabase,
  type VotesDatabaseMessage
} from "@ephor/overseer"
import type { ValidatorIndex } from "@ephor/types"
import { Context, Effect, Layer, Stream } from "effect"
import type { ChainSpec } from "./ChainSpec.ts"
import type { OwnValidator } from "./committee/Membership.ts"
import type { Extension } from "./Extension.ts"
import * as Validator from "./Validator.ts"

/** Shape of the validators. */
export interface Service {
  /** Never succeeds; fails when a subsystem of any validator has ended. */
  readonly join: Effect.Effect<never, OverseerError>
  /** Takes a collator's candidate to the candidate selection of a validator. */
  readonly offer: (target: Collator.Target, candidate: NewCandidate) => Effect.Effect<void>
  /** Whether each of our validators waits for people, and how to tell it that they have decided. */
  readonly governance: ReadonlyArray<
    Context.Service.Shape<typeof Enforcement.Governance> & { readonly index: ValidatorIndex }
  >
  /** The votes database of each of our validators. */
  readonly votes: ReadonlyArray<VotesDb.Service>
  /** Where each of our validators answers what others voted. */
  readonly databases: ReadonlyArray<{
    readonly index: ValidatorIndex
    readonly database: Mailbox.Mailbox<VotesDatabaseMessage>
  }>
}

/** The validators of this process. */
export class Validators extends Context.Service<Validators, Service>()("@ephor/node/Validators") {}

/** Pause between two tries to tell a validator about a dispute. */
const disputeRetryDelayMs = 1000

/** The network as one of our validators sees it. */
export type NetworkOf<E, R> = (validator: OwnValidator) => Layer.Layer<Network.Network, E, R>

const build = <E, R>(
  spec: ChainSpec,
  extension: Extension,
  networkOf: NetworkOf<E, R>,
  validator: OwnValidator
) => {
  const { index, secret } = validator
  const faulty = spec.faultyValidators.includes(index)
  const layer = Validator.layer({ author: index, faulty, disputeRetryDelayMs }, extension).pipe(
    Layer.provide(networkOf(validator)),
    Layer.provide([
      NodeKeystore.layerSr25519({ secrets: [secret] }),
      Store.layerPrefixed(`validator/${index}/`)
    ])
  )
  // Fresh: the layers of two validators are the same constants, but must not share what they build.
  return Effect.annotateLogs(Layer.build(Layer.fresh(layer)), { validator: index })
}

/** Builds our validators; their verdicts go to one hub. */
export const layer = <E, R>(
  spec: ChainSpec,
  own: ReadonlyArray<OwnValidator>,
  extension: Extension,
  networkOf: NetworkOf<E, R>
) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const hub = yield* Disputes.Disputes
      const devChain = yield* DevChain.DevChain
      const built = yield* Effect.forEach(own, (validator) =>
        Effect.map(build(spec, extension, networkOf, validator), (context) => ({ ...validator, context }))
      )
      for (const { context } of built) {
        const { conclusions, lateInclusions } = Context.get(context, Disputes.Disputes)
        const bar = ({ candidateHash, valid }: Disputes.DisputeConclusion) =>
          valid ? Effect.void : Effect.ignore(devChain.reject(candidateHash), { log: "Warn" })
        yield* conclusions.pipe(
          Stream.tap(bar),
          Stream.runForEach(hub.conclude),
          Effect.forkScoped({ startImmediately: true })
        )
        // Told again after a restart: the run that concluded may have ended before it barred the candidate.
        yield* Stream.runForEach(lateInclusions, bar).pipe(Effect.forkScoped({ startImmediately: true }))
      }
      const joins = built.map(({ context }) => Context.get(context, Overseer.Overseer).join)
      return Context.make(Validators, {
        // A node without a validator of its own only follows.
        join: joins.length === 0 ? Effect.never : Effect.raceAllFirst(joins),
        offer: (target, candidate) => {
          const found = built.find(({ index }) => index === target.index)
          return found === undefined
            ? Effect.void
            : Context.get(found.context, CandidateSelection).send(candidate)
        },
        governance: built.map(({ context, index }) => ({
          index,
          ...Context.get(context, Enforcement.Governance)
        })),
        votes: built.map(({ context }) => Context.get(context, VotesDb.VotesDb)),
        databases: built.map(({ context, index }) => ({
          index,
          database: Context.get(context, VotesDatabase)
        }))
      })
    })
  )
