/**
 * What a running node offers its operator about governance mode: to end it, with a token under the secret of the node.
 */
import { Jwt } from "@ephor/supervisor-protocol"
import * as NodeJwt from "@ephor/supervisor-protocol/NodeJwt"
import { ValidatorIndex } from "@ephor/types"
import { Clock, Effect, type Redacted, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Validators } from "./Validators.ts"

/** Where governance mode is ended. */
export const unfreezePath = "/governance/unfreeze"

/** Whom people have decided for: one validator, or all of the node. */
export const Request = Schema.Struct({ validator: Schema.optionalKey(ValidatorIndex) })

/** A validator, and whether it was frozen before. */
export const Unfrozen = Schema.Struct({ validator: ValidatorIndex, wasFrozen: Schema.Boolean })
export interface Unfrozen extends Schema.Schema.Type<typeof Unfrozen> {}

/** Longest request body in bytes. */
const maxBodyBytes = 1024

const text = (status: number, message: string) => HttpServerResponse.text(`${message}\n`, { status })

/** Adds `POST /governance/unfreeze`. */
export const layer = (jwtSecret: Redacted.Redacted<Uint8Array>, validators: Validators["Service"]) =>
  HttpRouter.add(
    "POST",
    unfreezePath,
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const now = (yield* Clock.currentTimeMillis) / 1000
      const why = Jwt.refusal(NodeJwt.hmac(jwtSecret), request.headers["authorization"], now)
      if (why !== undefined) return text(401, `unauthorized: ${why}`)
      if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes)
        return text(413, `the body is longer than ${maxBodyBytes} bytes`)
      const { validator } = yield* HttpServerRequest.schemaBodyJson(Request)
      const meant = validators.governance.filter(
        ({ index }) => validator === undefined || index === validator
      )
      if (meant.length === 0) {
        const own = validators.governance.map(({ index }) => index).join(", ")
        return text(404, `this node runs ${own === "" ? "no validator" : `validator ${own}`}`)
      }
      const done = yield* Effect.forEach(meant, ({ index, lift, mode }) =>
        Effect.flatMap(mode, ({ frozen }) =>
          Effect.as(lift, { validator: index, wasFrozen: frozen } satisfies Unfrozen)
        )
      )
      yield* Effect.logWarning("people have decided: governance mode is over", done)
      return yield* HttpServerResponse.json(done)
    }).pipe(
      Effect.catchTags({
        SchemaError: (error) => Effect.succeed(text(400, error.message)),
        HttpServerError: (error) => Effect.succeed(text(400, error.message)),
        DisputeError: (error) => Effect.succeed(text(503, error.message))
      }),
      Effect.catchTag("HttpBodyError", Effect.die)
    )
  )
