/**
 * What a development chain offers over HTTP beside health and metrics: taking transactions.
 */
import { NodeAdmin } from "@ephor/cli"
import { type DevChain, DevTransaction } from "@ephor/devchain"
import { type Route, text } from "@ephor/json-rpc/Door"
import { Address, Hash, HexData } from "@ephor/types"
import { Effect, Schema } from "effect"

/** A call that emits a log. */
const Emission = Schema.Struct({
  address: Address,
  topics: Schema.Array(Hash).check(Schema.isMaxLength(4)),
  data: HexData.check(Schema.isMaxLength(2 + 2 * 64 * 1024))
})

/** Longest request body in bytes. */
const bodyBytes = 256 * 1024

/** `POST /dev/transactions`: a log to emit, which is part of the next block. */
export const transactions = (devChain: DevChain.Service): Route => ({
  method: "POST",
  path: "/dev/transactions",
  bodyBytes,
  handle: Effect.fnUntraced(function* (request) {
    const log = yield* NodeAdmin.body(Emission, request)
    return yield* devChain.submit(DevTransaction.emit(log.address, log.topics, log.data)).pipe(
      Effect.as({ status: 202 }),
      Effect.mapError(({ message }) => text(503, message))
    )
  })
})
