/**
 * What a running node offers its operator about governance mode: to end it, with a token under the secret of the node.
 */
import { NodeAdmin } from "@ephor/cli"
import { json, type Route, text } from "@ephor/json-rpc/Door"
import * as Jwt from "@ephor/json-rpc/Jwt"
import { ValidatorIndex } from "@ephor/types"
import { Effect, Schema } from "effect"
import type { Validators } from "./Validators.ts"

/** Where governance mode is ended. */
export const unfreezePath = "/governance/unfreeze"

/** Whom people have decided for: one validator, or all of the node. */
export const Request = Schema.Struct({ validator: Schema.optionalKey(ValidatorIndex) })

/** A validator, and whether it was frozen before. */
export const Unfrozen = Schema.Struct({ validator: ValidatorIndex, wasFrozen: Schema.Boolean })
export interface Unfrozen extends Schema.Schema.Type<typeof Unfrozen> {}

/** Longest request body in bytes. */
const bodyBytes = 1024

/** `POST /governance/unfreeze`. */
export const unfreeze = (jwtSecret: Jwt.Secret, validators: Validators["Service"]): Route => ({
  method: "POST",
  path: unfreezePath,
  bodyBytes,
  handle: Effect.fnUntraced(function* (request) {
    const why = yield* Jwt.refusalNow(jwtSecret, request.headers["authorization"])
    if (why !== undefined) return text(401, `unauthorized: ${why}`)
    const { validator } = yield* NodeAdmin.body(Request, request)
    const meant = validators.governance.filter(({ index }) => validator === undefined || index === validator)
    if (meant.length === 0) {
      const own = validators.governance.map(({ index }) => index).join(", ")
      return text(404, `this node runs ${own === "" ? "no validator" : `validator ${own}`}`)
    }
    const done = yield* Effect.forEach(meant, ({ index, lift, mode }) =>
      Effect.flatMap(mode, ({ frozen }) =>
        Effect.as(lift, { validator: index, wasFrozen: frozen } satisfies Unfrozen)
      )
    ).pipe(Effect.mapError(({ message }) => text(503, message)))
    yield* Effect.logWarning("people have decided: governance mode is over", done)
    return json(done)
  })
})
