/**
 * Spans and metrics for a collector of OpenTelemetry, over HTTP. A collector that is away costs nothing but what it would
 * have been told: it is asked again a minute later.
 */
import type { Endpoint } from "@ephor/json-rpc/Endpoint"
import { Effect, Layer } from "effect"
import * as Settings from "./Settings.ts"

/** Who tells, and how often. */
export interface Options {
  /** `service.name` of everything that is told. */
  readonly name: string
  readonly version: string
  /** Milliseconds between two deliveries of spans. */
  readonly spansIntervalMs: number
  /** Milliseconds between two deliveries of metrics. */
  readonly metricsIntervalMs: number
  /** Spans of one delivery: so many are delivered before it is time. */
  readonly maxBatchSpans: number
  /** How long the end of the program waits for the last delivery, in milliseconds. */
  readonly shutdownTimeoutMs: number
}

/** What applies where nothing is given. */
export const defaults: Omit<Options, "name" | "version"> = {
  spansIntervalMs: 5000,
  metricsIntervalMs: 10_000,
  maxBatchSpans: 1000,
  shutdownTimeoutMs: 3000
}

/** The setting that turns it on. */
export const setting = (flag: string) =>
  Settings.url<undefined>(flag, {
    description:
      "Collector of OpenTelemetry that is told spans and metrics over HTTP, such as http://127.0.0.1:4318",
    protocols: ["http:", "https:"],
    default: undefined
  })

/** Tells a collector, if there is one, for as long as the scope lives. It is loaded when it is asked for. */
export const layer = (
  collector: Endpoint | undefined,
  given: Pick<Options, "name" | "version"> & Partial<Options>
): Layer.Layer<never> =>
  collector === undefined
    ? Layer.empty
    : Layer.unwrap(Effect.promise(() => load(collector, { ...defaults, ...given })))

const load = async (collector: Endpoint, options: Options): Promise<Layer.Layer<never>> => {
  const [{ FetchHttpClient }, { OtlpMetrics, OtlpSerialization, OtlpTracer }] = await Promise.all([
    import("effect/http"),
    import("effect/observability")
  ])
  const common = (path: string) => {
    const { headers, url } = collector.below(path).reveal()
    return {
      url,
      headers: { ...headers },
      resource: { serviceName: options.name, serviceVersion: options.version },
      compression: "gzip" as const,
      shutdownTimeout: options.shutdownTimeoutMs
    }
  }
  return Layer.mergeAll(
    OtlpTracer.layer({
      ...common("v1/traces"),
      exportInterval: options.spansIntervalMs,
      maxBatchSize: options.maxBatchSpans
    }),
    OtlpMetrics.layer({ ...common("v1/metrics"), exportInterval: options.metricsIntervalMs })
  ).pipe(
    Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer]),
    Layer.catchCause(() => Layer.empty)
  )
}
