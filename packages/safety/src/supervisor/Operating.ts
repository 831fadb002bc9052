/** What operators do to a running supervisor. */
import { Effect, Exit, type Redacted, Scope } from "effect"
import type { Endpoint } from "@ephor/json-rpc/Endpoint"
import type { BlockId, ChainId } from "@ephor/types"
import type { Service as ManagedNode } from "@ephor/supervisor-protocol/ManagedNode"
import type { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import { refuse } from "../Fault.ts"
import { NotAttached, Redundant, SupervisorError } from "../SupervisorError.ts"
import type { Shared } from "./ChainContext.ts"
import type { ChainWorker } from "../chain/ChainWorker.ts"
import type { NodeConfig } from "../node/Attachment.ts"
import { fromVerdict } from "./Queries.ts"

/** Opens a node by its address, for as long as the scope lives; fails if it cannot be reached. */
export type Connect = (
  endpoint: Endpoint,
  jwtSecret: Redacted.Redacted<Uint8Array>
) => Effect.Effect<ManagedNode, ManagedNodeError, Scope.Scope>

/** The verbs of an operator; see `Supervisor.Service`. */
export interface Operating {
  readonly start: Effect.Effect<void, SupervisorError>
  readonly stop: Effect.Effect<void, SupervisorError>
  readonly addNode: (
    endpoint: Endpoint,
    jwtSecret: Redacted.Redacted<Uint8Array>
  ) => Effect.Effect<void, SupervisorError>
  readonly rewind: (chain: ChainId, to: BlockId) => Effect.Effect<void, SupervisorError>
}

const notAttached = (why: string) =>
  new SupervisorError({ method: "admin_addL2RPC", reason: new NotAttached({ why }) })

/** The verbs over the workers of all chains. `attach` supervises a node from now on. */
export const makeOperating = Effect.fnUntraced(function* (
  shared: Shared,
  workers: ReadonlyMap<ChainId, ChainWorker>,
  attach: (node: NodeConfig & { readonly name: string }) => Effect.Effect<void>,
  connect: Connect | undefined
): Effect.fn.Return<Operating, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const { options, running } = shared
  const turn = (on: boolean) =>
    Effect.suspend(() => {
      const name = on ? "start" : "stop"
      if (shared.stopped !== on) {
        const reason = new Redundant({ why: on ? "already started" : "already stopped" })
        return Effect.fail(new SupervisorError({ method: `admin_${name}`, reason }))
      }
      shared.stopped = !on
      return Effect.andThen(
        on ? running.open : running.close,
        Effect.logWarning(`the supervisor was told to ${name}`)
      )
    })

  const addNode: Operating["addNode"] = Effect.fn("Supervisor.addNode")(function* (endpoint, jwtSecret) {
    if (connect === undefined) return yield* notAttached("this supervisor does not take nodes at run time")
    const name = endpoint.host
    // What cannot be attached is closed again.
    const own = yield* Scope.fork(scope)
    yield* Effect.gen(function* () {
      const node = yield* connect(endpoint, jwtSecret)
      const chainId = yield* node.chainId
      if (!workers.has(chainId)) {
        return yield* notAttached(
          `the node at ${name} is of chain ${chainId}, which is not in the dependency set`
        )
      }
      yield* attach({ node, chainId, name: String(endpoint) })
    }).pipe(
      Effect.provideService(Scope.Scope, own),
      Effect.timeoutOrElse({
        duration: options.callTimeoutMs,
        orElse: () => Effect.fail(notAttached(`the node at ${name} did not answer in time`))
      }),
      Effect.catchTag("ManagedNodeError", (error) =>
        Effect.fail(notAttached(`the node at ${name} cannot be attached: ${error.message}`))
      ),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void))
    )
  })

  const rewind: Operating["rewind"] = Effect.fn("Supervisor.rewind")(
    (id, to) =>
      workers.get(id)?.rewind(to) ??
      fromVerdict("admin_rewind", refuse("UnknownChain", `chain ${id} is not supervised`))
  )

  return { start: turn(true), stop: turn(false), addNode, rewind }
})
