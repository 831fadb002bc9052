/**
 * Calls of the Engine API, and what to say when it refuses our token.
 */
import { Effect } from "effect"
import { Backend } from "@ephor/chain/ChainError"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import type { Client } from "../NodeEthRpcClient.ts"

/** Says of a refused token that it was one: HTTP tells it by a status alone. */
const tokenProblem = (error: JsonRpcError): JsonRpcError | Backend =>
  error.reason._tag === "Unauthorized"
    ? new Backend({
        what: `${error.endpoint} refused our token (${error.reason.why})`,
        cause:
          "engine.jwtSecret must be the secret that the client was started with, and the clocks must agree"
      })
    : error

/** One call of the Engine API. */
export type EngineCall = (
  method: string,
  ...params: ReadonlyArray<unknown>
) => Effect.Effect<unknown, JsonRpcError | Backend>

/** Calls of a client that was made with a secret. */
export const engineCall =
  (client: Client): EngineCall =>
  (method, ...params) =>
    Effect.mapError(client.call(method, ...params), tokenProblem)

/** An engine's address with the means to speak to it. */
export interface EngineConnection {
  readonly url: string
  readonly call: EngineCall
}
