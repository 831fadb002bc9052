/**
 * `ephor-node governance`: whether a node waits for people because something invalid was finalized, and telling it that
 * they have decided.
 */
import { Governance } from "@ephor/disputes"
import { Jwt } from "@ephor/supervisor-protocol"
import * as NodeJwt from "@ephor/supervisor-protocol/NodeJwt"
import { Clock, Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { checkPath } from "../KeyFile.ts"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { join } from "node:path"
import { type Unfrozen, unfreezePath, Unfrozen as UnfrozenSchema } from "../GovernanceRoutes.ts"
import * as Flags from "./Flags.ts"
import * as NodeData from "./NodeData.ts"

const { dataDir, json } = Flags
const validatorStore = Flags.validatorStore.pipe(
  Flag.withDescription("Only this validator, where the node runs several (default: all of them)")
)

const status = Command.make(
  "status",
  { dataDir, validatorStore, json },
  Effect.fn(function* (given) {
    const data = yield* NodeData.open(given.dataDir)
    const rows = yield* Effect.forEach(yield* NodeData.chosen(data, given.validatorStore), (validator) =>
      Effect.map(Governance.read(NodeData.storeOf(data, validator)), ({ conclusion, frozen }) => ({
        validator,
        frozen,
        session: conclusion?.session ?? null,
        candidateHash: conclusion?.candidateHash ?? null,
        including: (conclusion?.including ?? []).map(({ hash, number }) => ({ hash, number }))
      }))
    )
    const lines = rows.map(({ candidateHash, frozen, including, validator }) =>
      frozen
        ? `validator ${validator}: frozen: candidate ${candidateHash} was found invalid after ${including.map(({ number }) => `block ${number}`).join(", ") || "its block"} was final`
        : `validator ${validator}: not frozen`
    )
    yield* Console.log(given.json ? JSON.stringify({ validators: rows }) : lines.join("\n"))
  }, Effect.scoped)
).pipe(Command.withDescription("Whether something invalid was finalized, so that people have to decide"))

/** Tells a running node. */
const unfreezeByRpc = Effect.fnUntraced(function* (
  url: string,
  secretFile: string,
  validator: number | undefined
) {
  const secret = yield* NodeJwt.readSecret(secretFile)
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const client = yield* HttpClient.HttpClient
  const failed = (why: string) =>
    new Flags.InspectError({
      message: `the node at ${url} did not end governance mode: ${why.trim()}; give --rpc with the URL of its admin endpoint`
    })
  const response = yield* client
    .execute(
      HttpClientRequest.post(new URL(unfreezePath, url).href).pipe(
        HttpClientRequest.setHeader("authorization", Jwt.bearer(Jwt.issue(NodeJwt.hmac(secret), now))),
        HttpClientRequest.bodyJsonUnsafe(validator === undefined ? {} : { validator })
      )
    )
    .pipe(
      Effect.timeout("10 seconds"),
      Effect.mapError((error) => failed(error.message))
    )
  const body = yield* Effect.mapError(response.text, (error) => failed(error.message))
  if (response.status !== 200) return yield* failed(body === "" ? `HTTP ${response.status}` : body)
  return yield* Effect.mapError(decodeAnswer(body), (error) => failed(error.message))
}, Effect.provide(FetchHttpClient.layer))

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

const unfreeze = Command.make(
  "unfreeze",
  {
    dataDir,
    validatorStore,
    json,
    rpc: Flag.String("rpc").pipe(
      Flag.filter(
        (url) => URL.canParse(url),
        () => "a URL with http://"
      ),
      Flag.withDescription("URL of the admin endpoint of a node that runs (default: the node is stopped)"),
      Flag.optional
    ),
    jwtSecret: Flag.String("jwt-secret").pipe(
      Flag.withDescription("File with the secret of the node that runs (default: jwt.hex in --data-dir)"),
      Flag.optional
    )
  },
  Effect.fn(function* (given) {
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
).pipe(Command.withDescription("Tell a node that people have decided about what was finalized"))

/** The `governance` command. */
export const governanceCommand = Command.make("governance").pipe(
  Command.withDescription("Show and end the mode in which a node waits for people"),
  Command.withSubcommands([status, unfreeze])
)
