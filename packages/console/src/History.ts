/** What the last minutes told: series for charts, and the difference between the last two tellings for rates. */
import type { Status } from "@ephor/cli/Status"

/** Points of a series that are kept. */
const kept = 300

/** Times in seconds, and a value at each of them. */
export interface Series {
  readonly times: Array<number>
  readonly values: Array<number | null>
}

/** The last two values of a count that grows. */
interface Pair {
  readonly before: readonly [time: number, value: number] | undefined
  readonly now: readonly [time: number, value: number]
}

/** The memory of a page, by names that the panels choose. */
export class History {
  private readonly series = new Map<string, Series>()
  private readonly counts = new Map<string, Pair>()
  private readonly seen = new Map<string, number>()

  /** Takes in what a program told, and what the members of a devnet did. */
  add(status: Status, name = "self"): void {
    if (this.seen.get(name) === status.time) return
    this.seen.set(name, status.time)
    const at = status.time / 1000
    for (const ladder of status.ladders ?? []) {
      const { crossSafe, crossUnsafe, finalized, localSafe, localUnsafe } = ladder.heads
      const heads = [localUnsafe, crossUnsafe, localSafe, crossSafe, finalized]
      for (let i = 1; i < heads.length; i++) {
        const [above, below] = [heads[i - 1], heads[i]]
        const gap = above === undefined || below === undefined ? null : above.number - below.number
        this.put(`${name} ${ladder.chainId} gap ${i}`, at, gap)
      }
    }
    const { process } = status
    this.put(`${name} memory`, at, process.residentBytes / 2 ** 20)
    this.put(`${name} delay`, at, process.delayMs.p99)
    this.put(`${name} cpu`, at, this.rate(`${name} cpu`, at, process.cpuMs / 10) ?? null)
    if (process.store !== undefined) {
      const { batches, totalMs } = process.store
      const perSecond = this.rate(`${name} batches`, at, batches)
      const msPerSecond = this.rate(`${name} batch ms`, at, totalMs)
      const mean = perSecond === undefined || msPerSecond === undefined || perSecond === 0
      this.put(`${name} store`, at, mean ? null : msPerSecond / perSecond)
    }
    for (const { name: subsystem, received } of status.subsystems ?? [])
      this.rate(`${name} subsystem ${subsystem}`, at, received)
    for (const [stream, count] of Object.entries(status.publishing?.responses ?? {}))
      this.rate(`${name} stream ${stream}`, at, count)
    if (status.publishing !== undefined) this.rate(`${name} sent`, at, status.publishing.sentBytes)
    for (const { blocks, chainId, commits } of status.observers ?? []) {
      this.rate(`${name} observer ${chainId}`, at, commits + blocks)
    }
    for (const member of status.members ?? [])
      if (member.status !== undefined) this.add(member.status, member.name)
  }

  /** A series; empty where nothing was told. */
  of(name: string): Series {
    return this.series.get(name) ?? { times: [], values: [] }
  }

  /** What a count grew by in a second, between the last two tellings. */
  perSecond(name: string): number | undefined {
    const pair = this.counts.get(name)
    if (pair?.before === undefined) return undefined
    const seconds = pair.now[0] - pair.before[0]
    const grown = pair.now[1] - pair.before[1]
    // A count that fell belongs to a program that began anew.
    return seconds <= 0 || grown < 0 ? undefined : grown / seconds
  }

  private rate(name: string, at: number, value: number): number | undefined {
    this.counts.set(name, { before: this.counts.get(name)?.now, now: [at, value] })
    return this.perSecond(name)
  }

  private put(name: string, at: number, value: number | null): void {
    let series = this.series.get(name)
    if (series === undefined) this.series.set(name, (series = { times: [], values: [] }))
    series.times.push(at)
    series.values.push(value)
    if (series.times.length <= kept) return
    series.times.shift()
    series.values.shift()
  }
}
