/** A development chain at work: its parts, put together. */
import { Effect, Latch, Option, Queue, Stream } from "effect"
import { type Backend, make as makeChain, type Service as Chain } from "@ephor/chain/Chain"
import type { Resolved, Service } from "../DevChain.ts"
import { genesis as genesisBlock } from "../DevExecution.ts"
import type { DevTransaction } from "../DevTransaction.ts"
import * as FinalityVotes from "../finality/FinalityVotes.ts"
import { toRef } from "@ephor/chain/BlockTree"
import { ChainError, Unsupported } from "@ephor/chain/ChainError"
import { tooLarge } from "./Filling.ts"
import { makeDag } from "./DagMaker.ts"
import { makeAuthoring, makeReplace, type Parts } from "./Authoring.ts"
import { makeProviders } from "./Inherents.ts"
import { makeSigners } from "./Signers.ts"
import { makeOrigins } from "./Origins.ts"
import { makeRelayStates } from "../runtime/RelayStates.ts"

/** Only the newest head matters: older ones that nobody voted about yet are dropped. */
const finalityBacklog = 4

/** Who has a say in the finality of a chain. */
const votingOf = (finality: Resolved["finality"]) =>
  finality === "external" ? {} : "external" in finality ? finality.external : finality

/** Builds the chain with its services; authoring runs in the scope. */
export const makeDevChain = Effect.fnUntraced(function* (options: Resolved) {
  // The hub needs a backend and the backend reads the hub: it is set before anything below can run.
  let hub!: Chain
  const chain = () => hub
  const genesis = genesisBlock({
    chainId: options.chainId,
    timestamp: options.genesisTime,
    ...(options.l1Genesis === undefined ? {} : { l1origin: options.l1Genesis })
  })
  const signers = makeSigners(options.authors, options)
  const dag = yield* makeDag(options.authors, signers, genesis.ref.number, options.heldRounds)
  const relay = yield* makeRelayStates(options.runtime, options, chain)
  const origins = yield* makeOrigins(options, chain)
  const providers = makeProviders(options.inherentTimeoutMs)
  const queue = yield* Queue.bounded<DevTransaction>(options.queueCapacity)
  const heads = yield* Queue.sliding<number>(finalityBacklog)
  const parts: Parts = { options, chain, dag, relay, origins, providers, queue }
  const isExternal = options.finality === "external" || "external" in options.finality
  const votes = FinalityVotes.make(votingOf(options.finality), chain)
  const backend: Backend = {
    genesis,
    anchorSource: options.l1Genesis ?? toRef(genesis.ref),
    replace: makeReplace(parts),
    derive: origins.derive,
    keepFrom: dag.keepFrom,
    finalizable: votes.bound,
    ...(isExternal
      ? {}
      : {
          finality: Stream.fromQueue(heads).pipe(
            Stream.mapEffect(votes.choose),
            Stream.flatMap(
              Option.match({ onNone: () => Stream.empty, onSome: (hash) => Stream.succeed(hash) })
            )
          )
        })
  }
  hub = yield* makeChain(backend, options.chainLimits)

  const finalize = (head: number) => (isExternal ? Effect.void : Effect.asVoid(Queue.offer(heads, head)))
  const running = yield* Latch.make(true)
  yield* Effect.forkScoped(Effect.forever(makeAuthoring(parts, running, finalize)))

  const devChain: Service = {
    committee: dag.committee,
    submit: (transaction) => {
      const what = tooLarge(transaction)
      return what === undefined
        ? Effect.asVoid(Queue.offer(queue, transaction))
        : Effect.fail(new ChainError({ method: "submit", reason: new Unsupported({ what }) }))
    },
    provideInherents: providers.register,
    provideBlocks: signers.register,
    reject: relay.reject,
    voteFinality: votes.register,
    finalityWaited: votes.waited,
    pause: Effect.asVoid(running.close),
    resume: Effect.asVoid(running.open)
  }
  return { chain: hub, devChain, runtimeApi: relay.api }
})
