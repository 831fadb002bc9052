/**
 * A JSON-RPC method of the supervisor as a row: decoders of its parameters, and the call.
 */
import { Effect, Schema } from "effect"
import { BlockId, ChainId, CodecError, Json, Quantity } from "@ephor/types"
import { errors, positional, type RpcError } from "@ephor/json-rpc/JsonRpc"
import type { Dispatch } from "@ephor/json-rpc/JsonRpcServer"
import * as OpMetrics from "../OpMetrics.ts"
import type { Service } from "../Supervisor.ts"
import { type SupervisorError, toWireError } from "../SupervisorError.ts"

/** Why a parameter can not be used. */
export class BadParameter extends Error {}

const isChainId = Schema.is(ChainId)
const quantityText = /^0x[0-9a-fA-F]{1,64}$/

/** A chain id is text, decimal or `0x`; a number is refused, as Go does. */
export const chainId = (json: unknown): ChainId => {
  const text = typeof json === "string" && quantityText.test(json) ? BigInt(json).toString() : json
  if (!isChainId(text)) throw new BadParameter("expected a chain id as decimal or 0x text")
  return text
}

export const blockId = Json.decode(BlockId)
export const quantity = Json.decode(Quantity)

/** Methods by name. */
export type Methods = { readonly [name: string]: Method }

/** One method: a decoder for each parameter, and the call. */
export interface Method {
  readonly params: ReadonlyArray<(json: unknown) => unknown>
  readonly call: (service: Service, args: ReadonlyArray<never>) => Effect.Effect<unknown, SupervisorError>
}

/** A method whose call gets what its decoders gave. */
export const method = <const Params extends ReadonlyArray<(json: unknown) => unknown>>(
  params: Params,
  call: (
    service: Service,
    args: { readonly [I in keyof Params]: ReturnType<Params[I]> }
  ) => Effect.Effect<unknown, SupervisorError>
): Method => ({ params, call: call as Method["call"] })

const run = (service: Service, { call, params }: Method, json: unknown): Effect.Effect<unknown, RpcError> => {
  const parsed = positional(json, params.length, params.length)
  if ("error" in parsed) return Effect.fail(parsed.error)
  const args: Array<never> = []
  for (const [index, decode] of params.entries()) {
    try {
      args.push(decode(parsed.args[index]) as never)
    } catch (error) {
      if (!(error instanceof BadParameter || error instanceof CodecError)) throw error
      return Effect.fail(errors.invalidArgument(index, error.message))
    }
  }
  return Effect.mapError(call(service, args), toWireError)
}

/** Carries out calls of these methods. */
export const dispatchOf =
  (methods: Methods, service: Service): Dispatch =>
  (name, params) => {
    const found = Object.hasOwn(methods, name) ? methods[name] : undefined
    return found === undefined
      ? Effect.fail(errors.methodNotFound(name))
      : OpMetrics.asServerCall(name, run(service, found, params))
  }
