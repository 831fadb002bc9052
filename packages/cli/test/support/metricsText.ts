/**
 * A strict reader of metrics as text, by OpenMetrics 1.0 and by the format of Prometheus, and the rules that `promtool check
 * metrics` has about names.
 */
import type { OpenMetrics } from "../../src/index.ts"

/** One family as it was told. */
export interface Family {
  readonly name: string
  readonly type: string
  readonly unit: string | undefined
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

/** One value. */
export interface Sample {
  readonly name: string
  readonly labels: { readonly [name: string]: string }
  readonly value: number
}

const suffixes: { readonly [type: string]: ReadonlyArray<string> } = {
  counter: ["_total", "_created"],
  gauge: [""],
  unknown: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"]
}

const labelPattern = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,(?=[a-zA-Z_])|$)/gy
const numberPattern = /^(?:[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?|\+Inf|-Inf|NaN)$/i

const labelsOf = (text: string, line: string) => {
  const labels: Record<string, string> = {}
  let end = 0
  for (const match of text.matchAll(labelPattern)) {
    if (Object.hasOwn(labels, match[1]!)) throw new Error(`twice the label ${match[1]}: ${line}`)
    labels[match[1]!] = match[2]!
    end = match.index + match[0].length
  }
  if (end !== text.length) throw new Error(`these are no labels: ${line}`)
  return labels
}

const valueOf = (text: string, line: string) => {
  if (!numberPattern.test(text)) throw new Error(`${text} is no number: ${line}`)
  return text === "+Inf"
    ? Number.POSITIVE_INFINITY
    : text === "-Inf"
      ? Number.NEGATIVE_INFINITY
      : Number(text)
}

/** Buckets grow, and the last one holds them all. */
const checkHistogram = ({ name, samples }: Family) => {
  const series = new Map<string, Array<Sample>>()
  for (const sample of samples) {
    const { le: _, ...others } = sample.labels
    const key = JSON.stringify(others)
    series.set(key, [...(series.get(key) ?? []), sample])
  }
  for (const [labels, found] of series) {
    const buckets = found.filter((one) => one.name === `${name}_bucket`)
    const count = found.find((one) => one.name === `${name}_count`)
    const borders = buckets.map((one) =>
      one.labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(one.labels["le"])
    )
    const grows = (numbers: ReadonlyArray<number>, strictly: boolean) =>
      numbers.every(
        (number, at) => at === 0 || (strictly ? number > numbers[at - 1]! : number >= numbers[at - 1]!)
      )
    if (
      !grows(borders, true) ||
      !grows(
        buckets.map(({ value }) => value),
        false
      )
    )
      throw new Error(`the buckets of ${name}${labels} do not grow`)
    if (borders.at(-1) !== Number.POSITIVE_INFINITY || buckets.at(-1)!.value !== count?.value)
      throw new Error(`the last bucket of ${name}${labels} does not hold all`)
    if (!found.some((one) => one.name === `${name}_sum`)) throw new Error(`${name}${labels} has no sum`)
  }
}

/** Reads a text, or throws what is wrong with it. */
export const parse = (text: string, format: OpenMetrics.Format): ReadonlyArray<Family> => {
  if (!text.endsWith("\n") || text.includes("\r")) throw new Error("lines end with a line feed")
  const lines = text.slice(0, -1).split("\n")
  const isOpen = format === "openmetrics"
  if (isOpen && lines.pop() !== "# EOF") throw new Error("the end is not # EOF")
  const families: Array<{
    name: string
    type: string
    unit: string | undefined
    help: string
    samples: Array<Sample>
  }> = []
  const seen = new Set<string>()
  let last: (typeof families)[number] | undefined
  for (const line of lines) {
    const comment = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line)
    if (comment !== null) {
      const [, what, name = "", rest = ""] = comment
      if (last?.name !== name) {
        if (families.some((one) => one.name === name)) throw new Error(`${name} is not in one place`)
        last = { name, type: "", unit: undefined, help: "", samples: [] }
        families.push(last)
      }
      if (last.samples.length > 0) throw new Error(`told of ${name} after its samples`)
      if (what === "TYPE") last.type = rest
      else if (what === "HELP") last.help = rest
      else if (!isOpen) throw new Error("Prometheus knows no units")
      else if (!name.endsWith(`_${rest}`)) throw new Error(`${name} does not end with its unit ${rest}`)
      else last.unit = rest
      continue
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (sample === null || last === undefined) throw new Error(`this is no line: ${line}`)
    const [, name = "", labels = "", value = ""] = sample
    const allowed = isOpen || last.type !== "counter" ? suffixes[last.type] : [""]
    if (allowed === undefined) throw new Error(`${last.type} is no type: ${line}`)
    if (!allowed.some((suffix) => name === last!.name + suffix))
      throw new Error(`${name} is not of the ${last.type} ${last.name}`)
    const read: Sample = { name, labels: labelsOf(labels, line), value: valueOf(value, line) }
    const key = JSON.stringify([name, Object.entries(read.labels).toSorted()])
    if (seen.has(key)) throw new Error(`twice: ${line}`)
    seen.add(key)
    if (last.type === "counter" && !(read.value >= 0)) throw new Error(`a counter below zero: ${line}`)
    last.samples.push(read)
  }
  for (const family of families) if (family.type === "histogram") checkHistogram(family)
  return families
}

/** Units that are not base units, and words that belong to a type. */
const otherUnits =
  /_(milliseconds|ms|microseconds|nanoseconds|minutes|hours|days|kilobytes|megabytes|mb|kb|percent)(_|$)/
const typeWords = /_(counter|gauge|histogram|summary)(_|$)/

/** What `promtool check metrics` says about a name, as its linter of 3.x does. */
export const complaints = (name: string, kind: string, help: string): ReadonlyArray<string> => [
  ...(help.trim() === "" ? ["no help text"] : []),
  ...(kind === "counter" && !name.endsWith("_total") ? ['counters should have a "_total" suffix'] : []),
  ...(kind !== "counter" && name.endsWith("_total") ? ['others should not have a "_total" suffix'] : []),
  ...(kind !== "histogram" && kind !== "summary" && /_(count|sum|bucket)$/.test(name)
    ? ["the suffixes of histograms are theirs"]
    : []),
  ...(otherUnits.test(name) ? ["use base units"] : []),
  ...(typeWords.test(name) ? ["a name should not include its type"] : []),
  ...(name.includes(":") ? ["colons are for recording rules"] : []),
  ...(/[a-z][A-Z]/.test(name) ? ["names are snake_case"] : [])
]
