/**
 * The processes of a devnet: an L1, a node per chain, a supervisor, and what they need to find each other.
 */
import * as NodeFile from "@ephor/store/NodeFile"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import * as NodeManagedNodeClient from "@ephor/supervisor-protocol/NodeManagedNodeClient"
import type { BlockRef, ChainId } from "@ephor/types"
import { Clock, Effect, FileSystem, type Queue } from "effect"
import { HttpClient } from "effect/http"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import * as ChainSpec from "../ChainSpec.ts"
import { authorKeysOf, specOf, startValidators } from "./Committee.ts"
import * as Execution from "./Execution.ts"
import type { Options } from "./Options.ts"
import { untilAnswer } from "./Answers.ts"
import type { DevnetChain } from "./DevnetChain.ts"
import { startSupervisor } from "./Supervisor.ts"
import * as SwitchedL1 from "./SwitchedL1.ts"
import * as Children from "./NodeChildren.ts"
import { DevnetError, freePort, host, multiaddr, nodeCommand, toFlags } from "./NodeCommands.ts"

export { DevnetError } from "./NodeCommands.ts"

const require = createRequire(import.meta.url)

const l1ChainId = "900"
const l1BlockTimeMs = 1000

const anvil = Effect.fnUntraced(function* (
  options: Options,
  notices: Queue.Enqueue<Children.Notice>,
  chainId: ChainId,
  flags: { readonly [flag: string]: number }
) {
  const port = yield* freePort
  const url = `http://${host}:${port}`
  const logFile = join(options.dataDir, `anvil-${chainId}.log`)
  const bin = yield* Effect.try({
    try: () => join(dirname(require.resolve("@foundry-rs/anvil/package.json")), "bin.mjs"),
    catch: () =>
      new DevnetError({
        message: "the package @foundry-rs/anvil is not installed: npm install --save-dev @foundry-rs/anvil"
      })
  })
  const state = join(options.dataDir, `anvil-${chainId}.json`)
  const child = yield* Children.keep(
    {
      name: `anvil ${chainId}`,
      command: process.execPath,
      args: [
        bin,
        ...toFlags({ host, port, "chain-id": chainId, "block-time": 1, state, "state-interval": 5, ...flags })
      ],
      logFile,
      restartDelayMs: 500
    },
    notices
  )
  yield* untilAnswer(child, logFile, Execution.genesisOf(url))
  return url
})

/** The L1: a development chain of this process behind Ethereum's JSON-RPC, or an anvil. */
const startL1 = Effect.fnUntraced(function* (
  options: Options,
  notices: Queue.Enqueue<Children.Notice>,
  genesisTime: number
) {
  if (options.execution === "anvil") {
    const url = yield* anvil(options, notices, l1ChainId, { "slots-in-an-epoch": 1 })
    return { url, genesis: yield* Execution.genesisOf(url), l1: undefined }
  }
  const l1 = yield* SwitchedL1.start({
    chainId: l1ChainId,
    genesisTime,
    blockTimeMs: l1BlockTimeMs,
    path: join(options.dataDir, "l1"),
    historyBlocks: options.historyBlocks
  })
  return { url: l1.url, genesis: yield* Execution.genesisOf(l1.url), l1 }
})

/** Everything that runs. */
export interface Devnet {
  readonly chains: ReadonlyArray<DevnetChain>
  readonly supervisor: { readonly child: Children.Child; readonly adminUrl: string; readonly rpcUrl: string }
  readonly l1Url: string
  /** The L1, where it can be stopped. */
  readonly l1: SwitchedL1.SwitchedL1 | undefined
}

const startChain = Effect.fnUntraced(function* (
  options: Options,
  notices: Queue.Enqueue<Children.Notice>,
  chainId: ChainId,
  genesisTime: number,
  l1Genesis: BlockRef
) {
  const dataDir = join(options.dataDir, `node-${chainId}`)
  const fs = yield* FileSystem.FileSystem
  yield* Effect.orDie(fs.makeDirectory(dataDir, { recursive: true }))
  const specFile = join(dataDir, "chain-spec.json")
  yield* specOf(specFile, options, chainId, genesisTime, l1Genesis)
  const spec = yield* Effect.orDie(ChainSpec.read(specFile))
  const authorKeys = authorKeysOf(options, spec)
  const [interopPort, streamPort, adminPort] = yield* Effect.all([freePort, freePort, freePort])
  const jwtFile = join(options.dataDir, "jwt.hex")
  const executionUrl = options.execution === "anvil" ? yield* anvil(options, notices, chainId, {}) : undefined
  if (executionUrl !== undefined) yield* Execution.deployContracts(executionUrl)
  const logFile = join(options.dataDir, `node-${chainId}.log`)
  const committee = options.processes ? { spec, port: yield* freePort } : undefined
  const ownKeys = options.processes ? authorKeys.slice(0, 1) : authorKeys
  const child = yield* Children.keep(
    {
      name: `node ${chainId}`,
      ...nodeCommand({
        ...(executionUrl === undefined ? { dev: true } : { "execution-rpc": executionUrl }),
        ...(committee === undefined
          ? {}
          : { "validator-key": committee.spec.validators[0]!, listen: multiaddr(committee.port) }),
        ...(ownKeys.length === 0 ? {} : { "author-key": ownKeys.join(",") }),
        "chain-id": chainId,
        "chain-spec": specFile,
        "data-dir": dataDir,
        "history-blocks": options.historyBlocks,
        "interop-port": interopPort,
        "interop-jwt-secret": jwtFile,
        "stream-port": streamPort,
        "admin-port": adminPort,
        "dev-garbage-every": options.garbageEvery
      }),
      logFile,
      restartDelayMs: 1000
    },
    notices
  )
  const validators =
    committee === undefined
      ? []
      : yield* startValidators(options, notices, specFile, committee.spec, committee.port)
  const jwtSecret = yield* NodeJwt.readSecret(jwtFile)
  const connected = NodeManagedNodeClient.make({ url: `http://${host}:${interopPort}`, jwtSecret }).pipe(
    Effect.bindTo("node"),
    Effect.bind("anchor", ({ node }) => node.anchorPoint)
  )
  const { anchor, node } = yield* untilAnswer(child, logFile, connected)
  const adminUrl = `http://${host}:${adminPort}`
  const http = yield* HttpClient.HttpClient
  const emit =
    executionUrl === undefined
      ? Execution.emitOnDevelopmentChain(adminUrl)
      : Execution.emitOnAnvil(executionUrl)
  const chain: DevnetChain = {
    chainId,
    child,
    validators,
    node,
    adminUrl,
    interopUrl: `ws://${host}:${interopPort}`,
    streamUrl: `http://${host}:${streamPort}`,
    dataDir,
    anchor,
    emit: (log) => Effect.provideService(emit(log), HttpClient.HttpClient, http)
  }
  return chain
})

/** Starts everything, in the order in which it depends on each other; the scope ends it. */
export const start = Effect.fn("Devnet.start")(function* (
  options: Options,
  notices: Queue.Enqueue<Children.Notice>
) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(options.dataDir, { recursive: true }).pipe(
    Effect.mapError(
      (error) =>
        new DevnetError({
          message: `the data directory ${options.dataDir} cannot be made: ${error.message}`
        })
    )
  )
  yield* NodeJwt.readOrMakeSecret(join(options.dataDir, "jwt.hex"))
  const genesisTime = yield* genesisTimeOf(join(options.dataDir, "genesis-time"))
  const l1 = yield* startL1(options, notices, genesisTime)
  const chains = yield* Effect.forEach(
    options.chainIds,
    (chainId) => startChain(options, notices, chainId, genesisTime, l1.genesis),
    { concurrency: "unbounded" }
  )
  const supervisor = yield* startSupervisor(options, notices, l1.url, chains)
  const devnet: Devnet = { chains, supervisor, l1Url: l1.url, l1: l1.l1 }
  return devnet
})

/** The genesis time that this data directory began with. */
const genesisTimeOf = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const stored = yield* Effect.option(fs.readFileString(path))
  if (stored._tag === "Some") return Number(stored.value)
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  yield* NodeFile.replace(path, String(now))
  return now
})
