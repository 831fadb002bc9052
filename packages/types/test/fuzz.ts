/**
 * A longer run of damaged input over all registered types: `node --expose-gc --conditions=ephor-source test/fuzz.ts
 * [inputs] [seed]`. Prints one line of JSON with what became of the inputs, the slowest read, and what reading
 * allocated: the most bytes for an input below 1 KiB, and the greatest multiple of its size for a longer one. Ends with
 * status 1 if anything failed. Without `--expose-gc` the collector may hide allocations.
 */
import { getHeapStatistics } from "node:v8"
import { fuzz, type Measure } from "./support/fuzz.ts"

const [inputs = 1_000_000, seed = 1] = process.argv.slice(2).map(Number)
const small = 1024

interface Worst {
  value: number
  where: string
}
const slowest: Worst = { value: 0, where: "" }
const mostBytes: Worst = { value: 0, where: "" }
const greatestMultiple: Worst = { value: 0, where: "" }
let hidden = 0

const heap = () => {
  const { external_memory, used_heap_size } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** Bytes allocated by one run, collected or not; a run in which the collector ran is repeated after a collection. */
const allocated = (run: () => void): number => {
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = heap()
    run()
    const bytes = heap() - before
    if (bytes >= 0) return bytes
    globalThis.gc?.()
  }
  hidden++
  return 0
}

/** A greater value counts if it comes again: compilation allocates, and machines pause, but only once. */
const note = (worst: Worst, where: string, value: number, again: () => number) => {
  if (value <= worst.value) return
  const confirmed = Math.min(value, again(), again(), again())
  if (confirmed > worst.value) Object.assign(worst, { value: confirmed, where })
}

const timed = (run: () => void): number => {
  const start = process.hrtime.bigint()
  run()
  return Number(process.hrtime.bigint() - start) / 1e6
}

const measure: Measure = (type, wire, size, read) => {
  let elapsedMs = 0
  const bytes = allocated(() => (elapsedMs = timed(read)))
  const where = `${type} in ${wire}, ${size} bytes`
  note(slowest, where, elapsedMs, () => timed(read))
  if (size < small) note(mostBytes, where, bytes, () => allocated(read))
  else note(greatestMultiple, where, bytes / size, () => allocated(read) / size)
}

const start = process.hrtime.bigint()
const { failures, ...figures } = fuzz(inputs, seed, measure)
const round = (value: number) => Number(value.toPrecision(3))
console.log(
  JSON.stringify({
    ...figures,
    failures: failures.length,
    seed,
    seconds: round(Number(process.hrtime.bigint() - start) / 1e9),
    slowestMs: round(slowest.value),
    slowest: slowest.where,
    mostBytesBelow1KiB: mostBytes.value,
    mostBytes: mostBytes.where,
    greatestMultipleFrom1KiB: round(greatestMultiple.value),
    greatestMultiple: greatestMultiple.where,
    unmeasured: hidden,
    node: process.version
  })
)
for (const failure of failures.slice(0, 20)) console.error(failure)
if (failures.length > 0) process.exitCode = 1
