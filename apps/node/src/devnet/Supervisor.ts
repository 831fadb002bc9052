/** The supervisor of a devnet. */
import type { BlockRef } from "@ephor/types"
import * as NodeFile from "@ephor/store/NodeFile"
import { Effect, type Queue } from "effect"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import * as Execution from "./Execution.ts"
import type { Options } from "./Options.ts"
import * as Children from "./NodeChildren.ts"
import { freePort, host, self, toFlags } from "./NodeCommands.ts"
import { untilAnswer } from "./Answers.ts"
import type { DevnetChain } from "./DevnetChain.ts"

const require = createRequire(import.meta.url)

const supervisorBin = (): string => {
  const folder = dirname(require.resolve("@ephor/supervisor/package.json"))
  return self().bin.endsWith(".ts") ? join(folder, "src", "bin.ts") : join(folder, "dist", "bin.js")
}

const seal = ({ hash, number, timestamp }: BlockRef) => ({ hash, number, timestamp })

/** Starts the supervisor over the chains. */
export const startSupervisor = Effect.fnUntraced(function* (
  options: Options,
  notices: Queue.Enqueue<Children.Notice>,
  l1Url: string,
  chains: ReadonlyArray<DevnetChain>
) {
  const file = (name: string) => join(options.dataDir, name)
  const dependencies = Object.fromEntries(chains.map(({ chainId }) => [chainId, {}]))
  yield* NodeFile.replace(file("dependency-set.json"), JSON.stringify({ dependencies }))
  const rollups = Object.fromEntries(
    chains.map(({ anchor, chainId }) => [
      chainId,
      { genesis: { l1: seal(anchor.source), l2: seal(anchor.derived) }, block_time: 1, interop_time: 0 }
    ])
  )
  yield* NodeFile.replace(file("rollup-config-set.json"), JSON.stringify(rollups))
  const [rpcPort, metricsPort] = yield* Effect.all([freePort, freePort])
  const logFile = file("supervisor.log")
  const { flags, node } = self()
  const child = yield* Children.keep(
    {
      name: "supervisor",
      command: node,
      args: [
        ...flags,
        supervisorBin(),
        "run",
        ...toFlags({
          "l1-rpc": l1Url,
          "l1.poll-interval-ms": 500,
          "l1.confirmation-depth": 1,
          "l2-consensus.nodes": chains.map(({ interopUrl }) => interopUrl).join(","),
          "l2-consensus.jwt-secret": file("jwt.hex"),
          datadir: file("supervisor"),
          "dependency-set": file("dependency-set.json"),
          "rollup-config-set": file("rollup-config-set.json"),
          "rpc.addr": host,
          "rpc.port": rpcPort,
          "metrics.enabled": true,
          "metrics.addr": host,
          "metrics.port": metricsPort,
          "log.format": "logfmt"
        })
      ],
      logFile,
      restartDelayMs: 1000
    },
    notices
  )
  const adminUrl = `http://${host}:${metricsPort}`
  yield* untilAnswer(child, logFile, Execution.get(`${adminUrl}/status`))
  return { child, adminUrl, rpcUrl: `http://${host}:${rpcPort}` }
})
