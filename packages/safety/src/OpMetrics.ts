/**
 * The metrics of op-supervisor under their own names, so that its dashboards and alerts go on working.
 */
import { Effect, Metric } from "effect"
import { type BlockSeal, type ChainId, fromHex } from "@ephor/types"

const prefix = "op_supervisor_default"

/** Always 1; the label `version` tells the release. */
export const info = Metric.gauge(`${prefix}_info`, {
  description: "Pseudo-metric tracking version and config info"
})
/** 1 while the supervisor runs. */
export const up = Metric.gauge(`${prefix}_up`, {
  description: "1 if the supervisor has finished starting up"
})
/** Height of a head. Labels: `layer` ("l2"), `type`, `chain`. */
export const refsNumber = Metric.gauge(`${prefix}_refs_number`, {
  description: "Gauge representing the different L1/L2 reference block numbers"
})
/** Timestamp of a head in seconds. */
export const refsTime = Metric.gauge(`${prefix}_refs_time`, {
  description: "Gauge representing the different L1/L2 reference block timestamps"
})
/** The first eight bytes of a head's hash as a little-endian number: it changes with the block. */
export const refsHash = Metric.gauge(`${prefix}_refs_hash`, {
  description: "Gauge representing the different L1/L2 reference block hashes truncated to float values"
})
/** Seconds between the timestamp of a head and the moment at which it became one. */
export const refsLatency = Metric.gauge(`${prefix}_refs_latency`, {
  description:
    "Gauge representing the different L1/L2 reference block timestamps minus current time, in seconds"
})
/** Entries of a database. Labels: `chain`, `kind` ("log", "local_derived", "cross_derived"). */
export const logdbEntries = Metric.gauge(`${prefix}_logdb_entries_current`, {
  description: "Current number of entries in the database of specified kind and chain ID"
})
/** Access lists whose blocks a node knows otherwise. Label: `chain`. */
export const accessListVerifyFailure = Metric.counter(`${prefix}_access_list_verify_failure`, {
  description: "Number of access list verification failures",
  incremental: true
})
/** Calls of the public methods. Label: `method`. */
export const rpcServerRequests = Metric.counter(`${prefix}_rpc_server_requests_total`, {
  description: "Total requests to the RPC server",
  incremental: true
})
/** How long they took. Label: `method`. */
export const rpcServerDuration = Metric.histogram(`${prefix}_rpc_server_request_duration_seconds`, {
  description: "Histogram of RPC server request durations",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
})
/** Calls to nodes. Label: `method`. */
export const rpcClientRequests = Metric.counter(`${prefix}_rpc_client_requests_total`, {
  description: "Total RPC requests initiated by the supervisor's RPC client",
  incremental: true
})
/** How long they took. Label: `method`. */
export const rpcClientDuration = Metric.histogram(`${prefix}_rpc_client_request_duration_seconds`, {
  description: "Histogram of RPC client request durations",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
})
/** Answers to them. Labels: `method`, `error` ("<nil>" or the tag of the reason). */
export const rpcClientResponses = Metric.counter(`${prefix}_rpc_client_responses_total`, {
  description: "Total RPC request responses received by the supervisor's RPC client",
  incremental: true
})

/** Heads as op-supervisor names them. */
export type RefType = "local_unsafe" | "cross_unsafe" | "local_safe" | "cross_safe" | "finalized"

const hashNumber = (hash: `0x${string}`): number => {
  const bytes = fromHex(hash)
  return bytes === undefined ? 0 : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
}

/** Records one head of a chain whenever it is another block than the last one. */
export const makeRef = (chain: ChainId, type: RefType) => {
  const labels = { layer: "l2", type, chain }
  const [number, time, hash, latency] = [refsNumber, refsTime, refsHash, refsLatency].map((metric) =>
    Metric.withAttributes(metric, labels)
  ) as [typeof refsNumber, typeof refsTime, typeof refsHash, typeof refsLatency]
  let last: string | undefined
  return (head: BlockSeal, nowMs: number): Effect.Effect<void> => {
    if (head.hash === last) return Effect.void
    last = head.hash
    return Effect.all(
      [
        Metric.update(number, head.number),
        Metric.update(time, head.timestamp),
        Metric.update(hash, hashNumber(head.hash)),
        Metric.update(latency, nowMs / 1000 - head.timestamp)
      ],
      { discard: true }
    )
  }
}

interface CallMeters {
  readonly requests: typeof rpcServerRequests
  readonly duration: typeof rpcServerDuration
}
const meters = new Map<string, CallMeters>()
const metersOf = (side: "client" | "server", method: string): CallMeters => {
  const key = `${side}/${method}`
  let found = meters.get(key)
  if (found === undefined) {
    const [requests, duration] =
      side === "client" ? [rpcClientRequests, rpcClientDuration] : [rpcServerRequests, rpcServerDuration]
    found = {
      requests: Metric.withAttributes(requests, { method }),
      duration: Metric.withAttributes(duration, { method })
    }
    meters.set(key, found)
  }
  return found
}

const timed = <A, E, R>({ duration, requests }: CallMeters, call: Effect.Effect<A, E, R>) =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    const end = Effect.suspend(() =>
      Metric.update(duration, Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9)
    )
    return Effect.andThen(Metric.update(requests, 1), Effect.ensuring(call, end))
  })

/** Counts and times a call to a node. */
export const asClientCall =
  (method: string) =>
  <A, E extends { readonly reason: { readonly _tag: string } }, R>(
    call: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> => {
    const answered = (error: string) =>
      Metric.update(Metric.withAttributes(rpcClientResponses, { method, error }), 1)
    return timed(metersOf("client", method), call).pipe(
      Effect.tap(() => answered("<nil>")),
      Effect.tapError(({ reason }) => answered(reason._tag))
    )
  }

/** Counts and times a call of ours. Only names of known methods become labels: strangers must not make up new ones. */
export const asServerCall = <A, E, R>(method: string, call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  timed(metersOf("server", method), call)
