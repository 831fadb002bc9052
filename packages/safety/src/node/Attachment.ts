/**
 * From a configured node to the events of its chain: who are you, do you belong here, and then listening for good.
 */
import { Effect, type Scope, Stream } from "effect"
import type { ChainId } from "@ephor/types"
import type { Service as ManagedNode } from "@ephor/supervisor-protocol/ManagedNode"
import type { Options } from "../SupervisorOptions.ts"
import type { ChainWorker } from "../chain/ChainWorker.ts"
import { makeNodeLink } from "./Link.ts"

/** A node to be supervised. `chainId`, if given, must be what the node says. */
export interface NodeConfig {
  readonly node: ManagedNode
  readonly chainId?: ChainId | undefined
  /** How it is called in logs; default: its position. */
  readonly name?: string | undefined
}

/** Runs an effect for good: after a failure or an end it starts again, with growing pauses while nothing works. */
const persist = <E extends { readonly message: string }>(
  what: string,
  options: Options,
  attempt: (alive: () => void) => Effect.Effect<void, E>
) => {
  let pauseMs = options.reconnectMs
  const alive = () => {
    pauseMs = options.reconnectMs
  }
  return attempt(alive).pipe(
    Effect.andThen(Effect.logWarning(`${what} ended; trying again`)),
    Effect.catch((error) => Effect.logWarning(`${what} failed: ${error.message}; trying again`)),
    Effect.andThen(
      Effect.suspend(() => {
        const sleep = Effect.sleep(pauseMs)
        pauseMs = Math.min(pauseMs * 2, options.maxReconnectMs)
        return sleep
      })
    ),
    Effect.forever
  )
}

/** Asks until the node answers. */
const identify = Effect.fnUntraced(function* (node: ManagedNode, options: Options) {
  let pauseMs = options.reconnectMs
  while (true) {
    const answer = yield* node.chainId.pipe(
      Effect.timeoutOption(options.callTimeoutMs),
      Effect.catch((error) =>
        Effect.as(Effect.logWarning(`the node did not tell its chain: ${error.message}`), undefined)
      )
    )
    if (answer?._tag === "Some") return answer.value
    yield* Effect.sleep(pauseMs)
    pauseMs = Math.min(pauseMs * 2, options.maxReconnectMs)
  }
})

/** Attaches a node to its chain and listens to it. A node that does not belong here is left alone, with an error. */
export const attach = Effect.fnUntraced(function* (
  config: NodeConfig & { readonly name: string },
  workers: ReadonlyMap<ChainId, ChainWorker>,
  options: Options
): Effect.fn.Return<void, never, Scope.Scope> {
  const { name } = config
  const chainId = yield* identify(config.node, options)
  const worker = workers.get(chainId)
  if (config.chainId !== undefined && config.chainId !== chainId) {
    return yield* Effect.logError(
      `node ${name} is of chain ${chainId}, but configured for chain ${config.chainId}: it is not supervised; correct its endpoint`
    )
  }
  if (worker === undefined) {
    return yield* Effect.logError(
      `node ${name} is of chain ${chainId}, which is not in the dependency set: it is not supervised; ` +
        `remove it, or add the chain to the dependency set and the rollup config set`
    )
  }
  const link = yield* makeNodeLink({ name, chainId, node: config.node, callTimeoutMs: options.callTimeoutMs })
  worker.context.links.push(link)
  yield* Effect.logInfo(`node ${name} is attached`, { chain: chainId })
  return yield* persist(`the event stream of node ${name}`, options, (alive) =>
    config.node.events.pipe(
      Stream.runForEach((event) => {
        alive()
        return worker.offer({ _tag: "Event", link, epoch: link.epoch, event })
      })
    )
  )
})
