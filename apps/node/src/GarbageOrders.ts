/**
 * Orders of a person who wants to see what happens: the next candidate that the development collator offers to a faulty
 * group is to be an invalid one.
 */
import * as Jwt from "@ephor/json-rpc/Jwt"
import { type Route, text } from "@ephor/json-rpc/Door"
import { Context, Effect, Layer } from "effect"
import type { ChainSpec } from "./ChainSpec.ts"

/** Where garbage is ordered. */
export const garbagePath = "/dev/garbage"

/** Orders that were not carried out yet; more than this are one. */
const most = 3

/** Shape of the orders. */
export interface Service {
  readonly order: Effect.Effect<void>
  /** Takes an order, if there is one. */
  readonly take: Effect.Effect<boolean>
}

/** The orders of this process. */
export class GarbageOrders extends Context.Service<GarbageOrders, Service>()("@ephor/node/GarbageOrders") {}

/** No orders yet. */
export const layer: Layer.Layer<GarbageOrders> = Layer.sync(GarbageOrders, () => {
  let open = 0
  return {
    order: Effect.sync(() => void (open = Math.min(most, open + 1))),
    take: Effect.sync(() => {
      if (open === 0) return false
      open--
      return true
    })
  }
})

/** `POST /dev/garbage`, with a token under the secret of the node; on a chain whose specification names faulty validators. */
export const route = (orders: Service, spec: ChainSpec, jwtSecret: Jwt.Secret): Route => ({
  method: "POST",
  path: garbagePath,
  bodyBytes: 1024,
  handle: Effect.fnUntraced(function* (request) {
    const why = yield* Jwt.refusalNow(jwtSecret, request.headers["authorization"])
    if (why !== undefined) return text(401, `unauthorized: ${why}`)
    if (spec.faultyValidators.length === 0)
      return text(
        409,
        "no validator of this chain backs an invalid candidate: its specification names none as faulty"
      )
    yield* orders.order
    return { status: 202 }
  })
})
