/**
 * What `ephor-node governance` reads off a node, and tells it.
 */
import { Governance } from "@ephor/disputes"
import * as Endpoint from "@ephor/json-rpc/Endpoint"
import * as Jwt from "@ephor/json-rpc/Jwt"
import * as NodeHttp from "@ephor/json-rpc/NodeHttp"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import { Console, Effect, Option, Schema } from "effect"
import { join } from "node:path"
import { type Unfrozen, unfreezePath, Unfrozen as UnfrozenSchema } from "../GovernanceRoutes.ts"
import { checkPath } from "../KeyFile.ts"
import * as Flags from "./Flags.ts"
import * as NodeData from "./NodeData.ts"

interface Source {
  readonly dataDir: string
  readonly validatorStore: number | undefined
  readonly json: boolean
}

/** Whether something invalid was finalized, so that people have to decide. */
export const status = Effect.fnUntraced(function* (given: Source) {
  const data = yield* NodeData.open(given.dataDir)
  const rows = yield* Effect.forEach(
    yield* NodeData.chosen(data, given.validatorStore),
    Effect.fnUntraced(function* (validator) {
      const store = NodeData.storeOf(data, validator)
      const { conclusion, frozen } = yield* Governance.read(store)
      return {
        validator,
        frozen,
        session: conclusion?.session ?? null,
        candidateHash: conclusion?.candidateHash ?? null,
        including: (conclusion?.including ?? []).map(({ hash, number }) => ({ hash, number })),
        decided: yield* Governance.decided(store)
      }
    })
  )
  const lines = rows.flatMap(({ candidateHash, decided, frozen, including, validator }) => [
    frozen
      ? `validator ${validator}: frozen: candidate ${candidateHash} was found invalid after ${including.map(({ number }) => `block ${number}`).join(", ") || "its block"} was final`
      : `validator ${validator}: not frozen`,
    ...decided.map(
      (decision) =>
        `validator ${validator}: people decided about candidate ${decision.candidateHash} at ${new Date(decision.atMs).toISOString()}`
    )
  ])
  yield* Console.log(given.json ? JSON.stringify({ validators: rows }) : lines.join("\n"))
}, Effect.scoped)

/** Tells a running node. */
const unfreezeByRpc = Effect.fnUntraced(function* (
  url: string,
  secretFile: string,
  validator: number | undefined
) {
  const secret = yield* NodeJwt.readSecret(secretFile)
  const failed = (where: string, why: string) =>
    new Flags.InspectError({
      message: `the node at ${where} did not end governance mode: ${why.trim()}; give --rpc with the URL of its admin endpoint`
    })
  const base = yield* Effect.mapError(
    Effect.fromResult(Endpoint.from(url, ["http:", "https:"])),
    ({ message }) => failed("the given URL", message)
  )
  const where = String(base)
  const headers = { ...(yield* Jwt.headers(secret)), "Content-Type": "application/json" }
  const body = JSON.stringify(validator === undefined ? {} : { validator })
  const answer = yield* Effect.mapError(
    NodeHttp.exchange(base.below(unfreezePath.slice(1)), { method: "POST", headers, body }, limits),
    ({ message }) => failed(where, message)
  )
  const text = Buffer.from(answer.body).toString("utf8")
  if (answer.status !== 200) return yield* failed(where, text === "" ? `HTTP ${answer.status}` : text)
  return yield* Effect.mapError(decodeAnswer(text), (error) => failed(where, error.message))
})

const limits: NodeHttp.Limits = { callTimeoutMs: 10_000, answerBytes: 1024 * 1024 }

const decodeAnswer = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(UnfrozenSchema)))

/** Changes the records of a node that does not run. */
const unfreezeStopped = Effect.fnUntraced(function* (dir: string, given: number | undefined) {
  const data = yield* NodeData.openStopped(dir).pipe(
    Effect.catchIf(
      (error) => error._tag === "StoreError" && error.operation === "open",
      (error) =>
        Effect.fail(
          new Flags.InspectError({
            message: `${error.message}; to tell a node that runs, give --rpc with the URL of its admin endpoint`
          })
        )
    )
  )
  return yield* Effect.forEach(yield* NodeData.chosen(data, given), (validator) =>
    Effect.map(Governance.unfreeze(NodeData.storeOf(data, validator)), ({ frozen }): Unfrozen => ({
      validator,
      wasFrozen: frozen
    }))
  )
})

interface OfRunning {
  readonly rpc: Option.Option<string>
  readonly jwtSecret: Option.Option<string>
}

/** Tells a node, running or stopped, that people have decided. */
export const unfreeze = Effect.fnUntraced(function* (given: Source & OfRunning) {
  const secretFile = Option.getOrElse(given.jwtSecret, () => join(given.dataDir, "jwt.hex"))
  yield* checkPath("--jwt-secret", secretFile)
  const done = Option.isSome(given.rpc)
    ? yield* unfreezeByRpc(given.rpc.value, secretFile, given.validatorStore)
    : yield* unfreezeStopped(given.dataDir, given.validatorStore)
  const lines = done.map(({ validator, wasFrozen }) =>
    wasFrozen ? `validator ${validator}: no longer frozen` : `validator ${validator}: was not frozen`
  )
  yield* Console.log(given.json ? JSON.stringify({ validators: done }) : lines.join("\n"))
}, Effect.scoped)
