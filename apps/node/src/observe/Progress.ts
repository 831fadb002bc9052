/** How an observer is doing: one line that is drawn again in place, or a log line now and then. */
import type { Subscriber } from "@ephor/streaming"
import { Elapsed } from "@ephor/types"
import { Effect, SubscriptionRef } from "effect"

/** Figures of one moment. */
export interface Sample {
  readonly atMs: number
  readonly mode: string
  readonly paused: boolean
  readonly lag: number
  readonly index: number
  readonly bytes: number
  readonly rejected: number
  readonly peer: string
}

/** What is shown: figures, and how fast they change. */
export interface Figures {
  readonly mode: string
  readonly commit: number
  readonly lag: number
  readonly commitsPerSecond: number
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly rejected: number
  readonly publisher: string
}

/** Figures of the last of two moments. */
export const figuresOf = (before: Sample, now: Sample): Figures => {
  const seconds = Math.max(1, now.atMs - before.atMs) / 1000
  return {
    mode: now.paused ? `${now.mode} (paused)` : now.mode,
    commit: now.index,
    lag: now.lag,
    commitsPerSecond: round((now.index - before.index) / seconds),
    bytes: now.bytes,
    bytesPerSecond: Math.round((now.bytes - before.bytes) / seconds),
    rejected: now.rejected,
    publisher: now.peer
  }
}

const round = (figure: number) => Math.round(figure * 10) / 10

const units = ["B", "KiB", "MiB", "GiB", "TiB"]

/** Bytes as a person reads them: three digits and a unit. */
export const bytesText = (bytes: number): string => {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10))
  const figure = bytes / 1024 ** power
  return `${power === 0 || figure >= 100 ? Math.round(figure) : figure.toFixed(1)} ${units[power]}`
}

/** The live line. */
export const line = (figures: Figures): string =>
  [
    figures.mode,
    `commit ${figures.commit}`,
    `lag ${figures.lag}`,
    `${figures.commitsPerSecond} commits/s`,
    `${bytesText(figures.bytes)}, ${bytesText(figures.bytesPerSecond)}/s`,
    ...(figures.rejected === 0 ? [] : [`${figures.rejected} rejected`]),
    figures.publisher
  ].join("  ")

/** What figures are read from. */
export type Watched = Pick<Subscriber.Service, "mode" | "lag" | "position" | "stats">

const sampleOf = Effect.fnUntraced(function* (watched: Watched) {
  const stats = yield* watched.stats
  const sample: Sample = {
    atMs: yield* Elapsed.ms,
    mode: yield* SubscriptionRef.get(watched.mode),
    paused: stats.paused,
    lag: yield* watched.lag,
    index: (yield* watched.position).index,
    bytes: stats.bytes,
    rejected: stats.rejected,
    peer: stats.peer
  }
  return sample
})

const drawIntervalMs = 1000
const logIntervalMs = 10_000

/** Clears the line that the cursor is in. */
export const clearLine = "\r\u001b[2K"

/** Shows how an observer is doing until it is interrupted: on a terminal every second, in logs every ten. */
export const show = Effect.fnUntraced(function* (watched: Watched, isTerminal: boolean) {
  let before = yield* sampleOf(watched)
  const step = Effect.gen(function* () {
    yield* Effect.sleep(isTerminal ? drawIntervalMs : logIntervalMs)
    const now = yield* sampleOf(watched)
    const figures = figuresOf(before, now)
    before = now
    if (!isTerminal) return yield* Effect.logInfo("observing", figures)
    yield* Effect.sync(() => process.stderr.write(`${clearLine}${line(figures).slice(0, columns())}`))
  })
  return yield* Effect.forever(step)
})

const columns = () => (process.stderr.columns ?? 80) - 1
