/**
 * What a development chain offers over HTTP beside health and metrics: taking transactions.
 */
import { type DevChain, DevTransaction } from "@ephor/devchain"
import { Address, Hash, HexData } from "@ephor/types"
import { Effect, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** A call that emits a log. */
const Emission = Schema.Struct({
  address: Address,
  topics: Schema.Array(Hash).check(Schema.isMaxLength(4)),
  data: HexData.check(Schema.isMaxLength(2 + 2 * 64 * 1024))
})

/** Longest request body in bytes. */
const maxBodyBytes = 256 * 1024

/** Adds `POST /dev/transactions`: a log to emit, which is part of the next block. */
export const layer = (devChain: DevChain.Service) =>
  HttpRouter.add(
    "POST",
    "/dev/transactions",
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) {
        return HttpServerResponse.text(`the body is longer than ${maxBodyBytes} bytes\n`, { status: 413 })
      }
      const log = yield* HttpServerRequest.schemaBodyJson(Emission)
      yield* devChain.submit(DevTransaction.emit(log.address, log.topics, log.data))
      return HttpServerResponse.empty({ status: 202 })
    }).pipe(
      Effect.catchTags({
        SchemaError: (error) =>
          Effect.succeed(HttpServerResponse.text(`${error.message}\n`, { status: 400 })),
        HttpServerError: (error) =>
          Effect.succeed(HttpServerResponse.text(`${error.message}\n`, { status: 400 })),
        ChainError: (error) => Effect.succeed(HttpServerResponse.text(`${error.message}\n`, { status: 503 }))
      })
    )
  )
