/**
 * What operators may do to a running supervisor, as JSON-RPC (op-supervisor's `admin_*`). Whoever can call these can stop
 * the supervisor: they are served only where they are enabled, and to those who know the secret.
 */
import { Effect, Redacted, Result } from "effect"
import { type Endpoint, from } from "@ephor/json-rpc/Endpoint"
import { fromHex, isHex } from "@ephor/types"
import type { Dispatch } from "@ephor/json-rpc/JsonRpcServer"
import { BadParameter, blockId, chainId, dispatchOf, method, type Methods } from "./rpc/Methods.ts"
import type { Service } from "./Supervisor.ts"

const boolean = (json: unknown): boolean => {
  if (typeof json !== "boolean") throw new BadParameter("expected true or false")
  return json
}

/** Never repeats what it was given. */
const endpoint = (json: unknown): Endpoint => {
  const found = typeof json === "string" ? Result.getOrUndefined(from(json)) : undefined
  if (found === undefined) throw new BadParameter("expected a URL with ws://, wss://, http:// or https://")
  return found
}

/** Never repeats what it was given. */
const secret = (json: unknown): Redacted.Redacted<Uint8Array> => {
  const bytes = typeof json === "string" && isHex(json) ? fromHex(json) : undefined
  if (bytes?.length !== 32) throw new BadParameter("expected a JWT secret of 32 bytes as 0x text")
  return Redacted.make(bytes)
}

const methods: Methods = {
  admin_start: method([], ({ start }) => Effect.as(start, null)),
  admin_stop: method([], ({ stop }) => Effect.as(stop, null)),
  admin_addL2RPC: method([endpoint, secret], (service, [url, jwtSecret]) =>
    Effect.as(service.addNode(url, jwtSecret), null)
  ),
  admin_rewind: method([chainId, blockId], (service, [chain, block]) =>
    Effect.as(service.rewind(chain, block), null)
  ),
  admin_setFailsafeEnabled: method([boolean], (service, [enabled]) =>
    Effect.as(service.setFailsafe(enabled), null)
  ),
  admin_getFailsafeEnabled: method([], ({ failsafe }) => failsafe)
}

/** The names of all methods, for documentation and tests. */
export const methodNames: ReadonlyArray<string> = Object.keys(methods)

/** Carries out calls of operators. */
export const dispatch = (service: Service): Dispatch => dispatchOf(methods, service)
