/**
 * Takes the safety databases of another supervisor over HTTP (`/dbsync`), ours or an op-supervisor.
 */
import { Effect, Result } from "effect"
import { type Endpoint, from, type Input } from "@ephor/json-rpc/Endpoint"
import * as NodeHttp from "@ephor/json-rpc/NodeHttp"
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

const wrong = (why: string) =>
  new SupervisorError({
    method: "start",
    reason: new BadConfiguration({ why: `${why}; correct --datadir.sync-endpoint, or leave it out` })
  })

const fetchFile = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  chain: ChainId,
  file: "local_safe" | "cross_safe",
  { fileBytes, timeoutMs }: Limits
) {
  const path = `dbsync/${chain}/${file}`
  const fail = (why: string) => wrong(`${endpoint}/${path}: ${why}`)
  const { body, status } = yield* NodeHttp.exchange(
    endpoint.below(path),
    { method: "GET" },
    { callTimeoutMs: timeoutMs, answerBytes: fileBytes }
  ).pipe(Effect.mapError(({ message }) => fail(message)))
  if (status !== 200) return yield* fail(`HTTP status ${status}`)
  const db = DbFile.decode(body)
  return Result.isSuccess(db) ? db.success : yield* fail(db.failure.message)
})

/** Where a supervisor takes the databases of new chains from; see `Supervisor.Config.seed`. */
export const seed =
  (url: Input, limits: Partial<Limits> = {}): Seed =>
  (chain) =>
    Effect.gen(function* () {
      const all = { ...defaults, ...limits }
      const endpoint = yield* Effect.mapError(
        Effect.fromResult(from(url, ["http:", "https:"])),
        ({ message }) => wrong(message)
      )
      const local = yield* fetchFile(endpoint, chain, "local_safe", all)
      const cross = yield* fetchFile(endpoint, chain, "cross_safe", all)
      return { local, cross }
    })
