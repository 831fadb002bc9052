/**
 * Takes the safety databases of another supervisor over HTTP (`/dbsync`), ours or an op-supervisor.
 */
import { ByteSize, Effect, Result } from "effect"
import { FetchHttpClient, HttpClient, HttpIncomingMessage } from "effect/http"
import type { ChainId } from "@ephor/types"
import * as DbFile from "./DbFile.ts"
import type { Seed } from "./Supervisor.ts"
import { BadConfiguration, SupervisorError } from "./SupervisorError.ts"

/** Bounds of a transfer. */
export interface Limits {
  /** Bytes of a file. */
  readonly fileBytes: number
  /** Time for a file, in milliseconds. */
  readonly timeoutMs: number
}

/** 4 GiB and ten minutes. */
export const defaults: Limits = { fileBytes: 4 * 1024 ** 3, timeoutMs: 600_000 }

const fetchFile = Effect.fnUntraced(function* (
  endpoint: string,
  chain: ChainId,
  file: "local_safe" | "cross_safe",
  limits: Limits
) {
  const url = `${endpoint.replace(/\/+$/, "")}/dbsync/${chain}/${file}`
  const fail = (why: string) =>
    new SupervisorError({
      method: "start",
      reason: new BadConfiguration({
        why: `${url}: ${why}; correct --datadir.sync-endpoint, or leave it out`
      })
    })
  const client = yield* HttpClient.HttpClient
  const bytes = yield* client.get(url).pipe(
    Effect.flatMap((response) =>
      response.status === 200
        ? response.arrayBuffer
        : Effect.fail({ message: `HTTP status ${response.status}` })
    ),
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limits.fileBytes)),
    Effect.mapError(({ message }) => fail(message)),
    Effect.timeoutOrElse({
      duration: limits.timeoutMs,
      orElse: () => Effect.fail(fail(`no answer within ${limits.timeoutMs} ms`))
    })
  )
  const db = DbFile.decode(new Uint8Array(bytes))
  return Result.isSuccess(db) ? db.success : yield* fail(db.failure.message)
})

/** Where a supervisor takes the databases of new chains from; see `Supervisor.Config.seed`. */
export const seed =
  (endpoint: string, limits: Partial<Limits> = {}): Seed =>
  (chain) =>
    Effect.gen(function* () {
      const all = { ...defaults, ...limits }
      const local = yield* fetchFile(endpoint, chain, "local_safe", all)
      const cross = yield* fetchFile(endpoint, chain, "cross_safe", all)
      return { local, cross }
    }).pipe(Effect.provide(FetchHttpClient.layer))
