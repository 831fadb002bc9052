/**
 * The main job: a devnet that runs, is watched, and says at the end what it did.
 */
import { Subscriber } from "@ephor/streaming"
import { Elapsed, type ChainId } from "@ephor/types"
import { Console, Context, Effect, Layer, Queue, Ref, Schema, Stream, SubscriptionRef } from "effect"
import { FetchHttpClient } from "effect/http"
import { join } from "node:path"
import * as ObserverCommittee from "../observe/Committee.ts"
import * as DevnetConsole from "./DevnetConsole.ts"
import * as Display from "./Display.ts"
import { emitterAddress } from "./Evm.ts"
import * as Execution from "./Execution.ts"
import type { DevnetChain } from "./DevnetChain.ts"
import type { Options as NetworkOptions } from "./Options.ts"
import * as Network from "./Network.ts"
import type { Notice } from "./NodeChildren.ts"
import * as Report from "./Report.ts"
import * as Traffic from "./Traffic.ts"

/** Some part of the devnet stood still. */
export class DevnetStalled extends Schema.TaggedError<DevnetStalled>()("DevnetStalled", {
  parts: Schema.Array(Schema.String)
}) {
  override get message() {
    return `these parts stood still: ${this.parts.join("; ")}`
  }
}

/** How a devnet is run and shown. */
export interface Options extends NetworkOptions {
  /** Ends after so many seconds; without it only by Ctrl-C. */
  readonly durationSeconds: number | undefined
  /** Print the report as one line of JSON on stdout. */
  readonly json: boolean
  /** Draw over the last table instead of printing lines. */
  readonly isTerminal: boolean
  /** Where the page that shows all of it listens; 0 is any free port. */
  readonly consolePort: number
}

/** Shorter runs are not expected to show a dispute and an invalid message. */
const faultsWithinSeconds = 20
/** Shorter runs are not expected to show what follows from a dispute: the block with its votes has to be final. */
const verdictsWithinSeconds = 60
const drawIntervalMs = 1000
const lineIntervalMs = 2000

/** An observer of the devnet: counts what it receives, for good. */
const startObserver = Effect.fnUntraced(function* (chain: DevnetChain) {
  const committee = yield* ObserverCommittee.readCommittee(
    join(chain.dataDir, ObserverCommittee.committeeFile)
  )
  const context = yield* Layer.build(ObserverCommittee.layer(chain.streamUrl, committee))
  const subscriber = Context.get(context, Subscriber.Subscriber)
  yield* Stream.runDrain(subscriber.commits).pipe(
    Effect.tapError((error) => Effect.logError("the observer gave up", error)),
    Effect.ignore,
    Effect.forkScoped
  )
  return Effect.gen(function* () {
    const stats = yield* subscriber.stats
    const status: Report.ObserverStatus = {
      chainId: chain.chainId,
      mode: yield* SubscriptionRef.get(subscriber.mode),
      commits: stats.commits,
      blocks: stats.blocks,
      lag: yield* subscriber.lag,
      verified: stats.verified > 0 && stats.rejected === 0
    }
    return status
  })
})

const chainStatus = (url: string) =>
  Execution.get(`${url}/status`).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Report.ChainStatus)),
    Effect.option
  )
const supervisorStatus = (url: string) =>
  Execution.get(`${url}/status`).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Report.SupervisorStatus)),
    Effect.option
  )

const startTraffic = (chains: ReadonlyArray<DevnetChain>) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Effect.Services<ReturnType<typeof chainStatus>>>()
    const traffic = chains.map((chain): Traffic.TrafficChain => ({
      chainId: chain.chainId,
      node: chain.node,
      emit: chain.emit,
      crossSafe: chainStatus(chain.adminUrl).pipe(
        Effect.flatMap(Effect.fromOption),
        Effect.map(({ crossSafe }) => crossSafe),
        Effect.provideContext(context)
      )
    }))
    yield* Effect.forkScoped(Traffic.run(traffic, { ...Traffic.defaults, emitter: emitterAddress }))
  })

/** Keeps the last notices for the screen, and prints them at once where there is none. */
const keepNotices = Effect.fnUntraced(function* (notices: Queue.Dequeue<Notice>, options: Options) {
  const recent = yield* Ref.make<ReadonlyArray<string>>([])
  yield* Queue.take(notices).pipe(
    Effect.flatMap(({ text }) =>
      Effect.andThen(
        Ref.update(recent, (lines) => [...lines, text].slice(-5)),
        options.isTerminal ? Effect.void : Console.error(text)
      )
    ),
    Effect.forever,
    Effect.forkScoped
  )
  return recent
})

/** Runs a devnet and reports. Fails with `DevnetStalled` if a part stood still. */
export const run = Effect.fn("Devnet.run")(
  function* (options: Options) {
    const notices = yield* Queue.sliding<Notice>(64)
    const recent = yield* keepNotices(notices, options)
    yield* Console.error(
      `starting ${options.chainIds.length === 1 ? "a chain" : `${options.chainIds.length} chains`} and a supervisor; logs and data are in ${options.dataDir}`
    )
    const devnet = yield* Network.start(options, notices)
    const observers = yield* Effect.forEach(devnet.chains, startObserver)
    yield* startTraffic(devnet.chains)
    const snapshot = Effect.gen(function* () {
      const chains = yield* Effect.forEach(devnet.chains, (chain) => chainStatus(chain.adminUrl), {
        concurrency: "unbounded"
      })
      const supervisor = yield* supervisorStatus(devnet.supervisor.adminUrl)
      const result: Report.Snapshot = {
        chains: chains.flatMap((chain) => (chain._tag === "Some" ? [chain.value] : [])),
        observers: yield* Effect.all(observers),
        supervisor: supervisor._tag === "Some" ? supervisor.value : undefined
      }
      return result
    })
    yield* describe(devnet)
    const page = yield* DevnetConsole.open(devnet, Effect.all(observers), options)
    yield* Console.error(`watch it at ${page}`)
    const startedMs = yield* Elapsed.ms
    const before = yield* snapshot
    const seconds = Effect.map(Elapsed.ms, (now) => Math.round((now - startedMs) / 1000))
    let drawn = 0
    const show = Effect.gen(function* () {
      const now = yield* snapshot
      const elapsed = yield* seconds
      if (!options.isTerminal) return yield* Console.error(Display.line(elapsed, now))
      const { columns, rows } = process.stderr
      const screen = columns > 0 && rows > 0 ? { columns, rows } : Display.standard
      const notes = [`watch it at ${page}`, ...(yield* Ref.get(recent))]
      const lines = Display.table("ephor devnet", elapsed, now, notes, screen)
      process.stderr.write(`${Display.redraw(drawn)}${lines.join("\n")}\n`)
      drawn = lines.length
    })
    const showing = Effect.forever(
      Effect.andThen(show, Effect.sleep(options.isTerminal ? drawIntervalMs : lineIntervalMs))
    )
    const { durationSeconds } = options
    if (durationSeconds === undefined) return yield* showing
    yield* Effect.timeoutOption(showing, durationSeconds * 1000)
    return yield* report(options, before, yield* snapshot, durationSeconds)
  },
  Effect.scoped,
  Effect.provide(FetchHttpClient.layer)
)

const describe = (devnet: Network.Devnet) =>
  Effect.gen(function* () {
    yield* Console.error(`L1 ${devnet.l1Url}`)
    for (const chain of devnet.chains) {
      const pid = yield* chain.child.pid
      yield* Console.error(
        `chain ${chain.chainId}: node pid ${pid}, managed node ${chain.interopUrl}, streams ${chain.streamUrl}, admin ${chain.adminUrl}`
      )
      if (chain.validators.length > 0) {
        const pids = yield* Effect.forEach(chain.validators, ({ child }) => child.pid)
        yield* Console.error(`chain ${chain.chainId}: its other validators have pids ${pids.join(", ")}`)
      }
      const from = [chain.streamUrl, ...chain.validators.map(({ streamUrl }) => streamUrl)]
      const committee = join(chain.dataDir, ObserverCommittee.committeeFile)
      yield* Console.error(
        `chain ${chain.chainId}: observe it by ephor-node observe --from ${from.join(",")} --committee ${committee}`
      )
    }
    const { adminUrl, child, rpcUrl } = devnet.supervisor
    yield* Console.error(`supervisor: pid ${yield* child.pid}, rpc ${rpcUrl}, admin ${adminUrl}`)
  })

const report = Effect.fnUntraced(function* (
  options: Options,
  before: Report.Snapshot,
  after: Report.Snapshot,
  seconds: number
) {
  const chainIds: ReadonlyArray<ChainId> = options.chainIds
  const { malicious, validators } = options.committee
  const expected = {
    chainIds,
    faults: seconds >= faultsWithinSeconds && options.garbageEvery > 0,
    verdicts: seconds >= verdictsWithinSeconds && options.garbageEvery > 0 && options.execution === "dev",
    messages: chainIds.length > 1,
    agreement: !options.processes && validators - malicious > 1
  }
  const stalled = Report.stalledParts(expected, before, after)
  const result = Report.make(after, stalled)
  if (options.json) yield* Console.log(JSON.stringify(result))
  else yield* Console.log(Display.line(options.durationSeconds ?? 0, after))
  if (stalled.length > 0) return yield* new DevnetStalled({ parts: stalled })
})
