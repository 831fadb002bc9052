/**
 * Follows an L1 by the address of its execution client, whether that is one of HTTP or of a WebSocket.
 */
import { Effect, Layer } from "effect"
import type { Input } from "@ephor/json-rpc/Endpoint"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import * as NodeJsonRpcClient from "@ephor/json-rpc/NodeJsonRpcClient"
import { makeEthClient } from "./l1/EthClient.ts"
import * as L1 from "./L1.ts"

/** Bounds of a connection. */
export interface Limits {
  /** Bytes of an answer; a longer one ends the connection. */
  readonly answerBytes: number
  /** Time for a dial, in milliseconds. */
  readonly dialTimeoutMs: number
}

/** 5 MiB, 10 s. */
export const defaults: Limits = { answerBytes: 5 * 1024 * 1024, dialTimeoutMs: 10_000 }

/** Where the execution client of the L1 is, and how it is followed. */
export interface Options extends Partial<L1.Options> {
  /** `http(s)://` or `ws(s)://`, with a name and a password if it wants them. */
  readonly url: Input
  readonly limits?: Partial<Limits> | undefined
}

/** Follows the L1 behind a URL. A lost connection is dialled again by the next question. */
export const layer = (options: Options): Layer.Layer<L1.L1, JsonRpcError> =>
  Layer.effect(
    L1.L1,
    Effect.gen(function* () {
      const client = yield* NodeJsonRpcClient.make({
        url: options.url,
        limits: {
          ...defaults,
          ...options.limits,
          callTimeoutMs: options.timeoutMs ?? L1.defaults.timeoutMs
        }
      })
      return yield* L1.make(makeEthClient(client), options)
    })
  )
