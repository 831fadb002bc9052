/**
 * Metrics as text: in the format of Prometheus, or in that of OpenMetrics for those who ask for it.
 */
import type { Metric } from "effect"

type Snapshot = Metric.Metric.Snapshot

/** How it is written. */
export type Format = "prometheus" | "openmetrics"

/** The media types of the formats. */
export const contentTypes: { readonly [Name in Format]: string } = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
}

/** The format that an `Accept` header asks for. Prometheus is what everybody reads. */
export const negotiate = (accept: string | undefined): Format => {
  const weights = new Map(
    (accept ?? "").split(",").map((part) => {
      const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase())
      const weight = parameters.find((one) => one.startsWith("q="))?.slice(2) ?? "1"
      return [type, Number(weight)] as const
    })
  )
  const asked = weights.get("application/openmetrics-text") ?? 0
  const plain = Math.max(weights.get("text/plain") ?? 0, weights.get("text/*") ?? 0)
  return asked > 0 && asked >= plain ? "openmetrics" : "prometheus"
}

/** Base units that a name may end with. */
const units = ["seconds", "bytes", "ratio"] as const

const nameOf = (text: string) => text.replaceAll(/[^\w:]/g, "_").replace(/^(?=\d)/, "_")
const labelNameOf = (text: string) => text.replaceAll(/\W/g, "_").replace(/^(?=\d)/, "_")

const escaped = (text: string) =>
  text
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`)

const numberOf = (value: number | bigint): string =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)

/** A border of a bucket, which OpenMetrics wants as a float: `1.0`. */
const borderOf = (value: number, format: Format) =>
  format === "openmetrics" && Number.isInteger(value) ? `${value}.0` : numberOf(value)

const labelsOf = (
  attributes: Snapshot["attributes"],
  more: ReadonlyArray<readonly [string, string]> = []
): string => {
  const all = [
    ...Object.entries(attributes ?? {}).filter(([name]) => name !== "unit" && name !== "time_unit"),
    ...more
  ].map(([name, value]) => `${labelNameOf(name)}="${escaped(String(value))}"`)
  return all.length === 0 ? "" : `{${all.join(",")}}`
}

const samplesOf = (name: string, snapshot: Snapshot, format: Format): ReadonlyArray<string> => {
  const { attributes } = snapshot
  const labels = labelsOf(attributes)
  switch (snapshot.type) {
    case "Counter":
      return [`${name}${labels} ${numberOf(snapshot.state.count)}`]
    case "Gauge":
      return [`${name}${labels} ${numberOf(snapshot.state.value)}`]
    case "Frequency":
      return [...snapshot.state.occurrences].map(
        ([key, count]) => `${name}${labelsOf(attributes, [["key", key]])} ${count}`
      )
    case "Histogram": {
      const { buckets, count, sum } = snapshot.state
      const borders = buckets.filter(([border]) => border !== Number.POSITIVE_INFINITY)
      return [
        ...borders.map(
          ([border, below]) =>
            `${name}_bucket${labelsOf(attributes, [["le", borderOf(border, format)]])} ${below}`
        ),
        `${name}_bucket${labelsOf(attributes, [["le", "+Inf"]])} ${count}`,
        `${name}_sum${labels} ${numberOf(sum)}`,
        `${name}_count${labels} ${count}`
      ]
    }
    case "Summary": {
      const { count, quantiles, sum } = snapshot.state
      return [
        ...quantiles.flatMap(([quantile, value]) =>
          value === undefined
            ? []
            : [`${name}${labelsOf(attributes, [["quantile", String(quantile)]])} ${numberOf(value)}`]
        ),
        `${name}_sum${labels} ${numberOf(sum)}`,
        `${name}_count${labels} ${count}`
      ]
    }
  }
}

const kinds: { readonly [Type in Snapshot["type"]]: string } = {
  Counter: "counter",
  Frequency: "counter",
  Gauge: "gauge",
  Histogram: "histogram",
  Summary: "summary"
}

/** Name and kind of a family. OpenMetrics names a counter without `_total`, and one that has none is of no kind it knows. */
const familyOf = (name: string, type: Snapshot["type"], format: Format) => {
  const kind = kinds[type]
  if (format === "prometheus" || kind !== "counter") return { family: name, kind }
  return name.endsWith("_total")
    ? { family: name.slice(0, -"_total".length), kind }
    : { family: name, kind: "unknown" }
}

/** Metrics as text, families in the order of their names. */
export const render = (snapshots: ReadonlyArray<Snapshot>, format: Format): string => {
  const families = new Map<string, Array<Snapshot>>()
  for (const snapshot of snapshots) {
    const name = nameOf(snapshot.id)
    const found = families.get(name)
    if (found === undefined) families.set(name, [snapshot])
    else found.push(snapshot)
  }
  const lines = [...families]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, found]) => {
      const [{ description = "", type }] = found as [Snapshot, ...ReadonlyArray<Snapshot>]
      const { family, kind } = familyOf(name, type, format)
      const unit = units.find((one) => family.endsWith(`_${one}`))
      return [
        `# HELP ${family} ${format === "openmetrics" ? escaped(description) : description.replaceAll("\\", String.raw`\\`).replaceAll("\n", String.raw`\n`)}`,
        `# TYPE ${family} ${kind}`,
        ...(format === "openmetrics" && unit !== undefined ? [`# UNIT ${family} ${unit}`] : []),
        ...found.filter((one) => one.type === type).flatMap((one) => samplesOf(name, one, format))
      ]
    })
  return `${[...lines, ...(format === "openmetrics" ? ["# EOF"] : [])].join("\n")}\n`
}
