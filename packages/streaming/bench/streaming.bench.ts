/**
 * `Publisher` behind `NodeGrpcServer`, against raw TCP, a bare `node:http2` server and bare grpc-js with identity
 * serialisers: those write frames that were made before, ours makes them of the blocks of its source. All blocks are
 * different. The same reader, in a process of its own, serves every server: it counts bytes. The machine may be shared: what counts are ratios of neighbouring measurements, and of those the median. Prints JSON rows.
 * Run with `npm run bench -- streaming`, or `node --conditions=ephor-source --expose-gc bench/streaming.bench.ts`.
 */
import { observeBlocks } from "./support/committee.ts"
import { blockBytes, type Kind, type Load } from "./support/loads.ts"
import { start } from "./support/processes.ts"
import type { Schedule, verbs as PublisherVerbs } from "./support/publisher.ts"
import { compare, figure, quantile } from "./support/report.ts"
import type { verbs as SubscriberVerbs } from "./support/subscriber.ts"

const kinds: ReadonlyArray<Kind> = ["tcp", "http2", "grpc", "ours"]
const names: Record<Kind, string> = {
  tcp: "raw TCP",
  http2: "bare http2",
  grpc: "grpc-js",
  ours: "ours"
}
const pairOf = (...flags: ReadonlyArray<string>) => ({
  publisher: start<typeof PublisherVerbs>("publisher.ts", flags),
  subscriber: start<typeof SubscriberVerbs>("subscriber.ts", flags)
})
const pairsOf = (...flags: ReadonlyArray<string>) =>
  Object.fromEntries(kinds.map((kind) => [kind, pairOf(...flags)])) as Record<Kind, ReturnType<typeof pairOf>>
const stop = (pairs: ReturnType<typeof pairsOf>) => {
  for (const { publisher, subscriber } of Object.values(pairs)) {
    publisher.stop()
    subscriber.stop()
  }
}
const processes = pairsOf()

/** Blocks per second of a load, all kinds in turn. */
const transfer = async (load: Load, rounds: number, processes: ReturnType<typeof pairsOf>) => {
  const seen: Array<Record<Kind, number>> = []
  const ports = {} as Record<Kind, number>
  for (const kind of kinds) ports[kind] = await processes[kind].publisher.call.open({ kind, load })
  for (let i = -2; i < rounds; i++) {
    const perSecond = {} as Record<Kind, number>
    for (const kind of kinds) {
      const micros = await processes[kind].subscriber.call.receive({ kind, load, port: ports[kind] })
      perSecond[kind] = (load.responses * load.blocks * 1e6) / micros
    }
    if (i >= 0) seen.push(perSecond)
  }
  for (const kind of kinds) await processes[kind].publisher.call.close(null)
  return (one: Kind, other: Kind) => seen.map((row) => [row[one], row[other]] as const)
}

const batches = async () => {
  const mebibytes = (pairs: ReadonlyArray<readonly [number, number]>) =>
    pairs.map(([one, other]) => [(one * blockBytes) / 2 ** 20, (other * blockBytes) / 2 ** 20] as const)
  /**
   * Node allocates 64 KiB for whatever it reads. With its default young generation these are freed by whole collections,
   * and any receiver spends most of its time on them.
   */
  const smallYoung = "--max-semi-space-size=4"
  const small = pairsOf(smallYoung)
  for (const [name, pairs] of [
    ["batches of 100", processes],
    [`batches of 100, all with ${smallYoung}`, small]
  ] as const) {
    const seen = await transfer({ responses: 1000, blocks: 100 }, 21, pairs)
    for (const peer of ["tcp", "http2", "grpc"] as const)
      compare(`${name}, against ${names[peer]}`, "MiB/s", "more", mebibytes(seen("ours", peer)))
    compare(`${name}: bare http2, against raw TCP`, "MiB/s", "more", mebibytes(seen("http2", "tcp")))
  }
  stop(small)
}

const singles = async () => {
  const pairs = await transfer({ responses: 60_000, blocks: 1 }, 11, processes)
  for (const peer of ["grpc", "http2"] as const)
    compare(`one by one, against ${names[peer]}`, "blocks/s", "more", pairs("ours", peer))
}

/** Publishes on schedule to everybody who listens; processor time of the publisher per delivered block, and ages. */
const deliver = async (kind: Kind, listeners: number, schedule: Schedule) => {
  const { publisher, subscriber } = processes[kind]
  const count = listeners * schedule.rounds * schedule.round
  await subscriber.call.count(count)
  const before = await publisher.call.usage(null)
  await publisher.call.publish(schedule)
  const ages = await subscriber.call.ages(null)
  const { cpuMicros } = await publisher.call.usage(null)
  return { cpuMicros: (cpuMicros - before.cpuMicros) / count, ages }
}

const fanKinds = ["ours", "grpc", "http2"] as const
type FanKind = (typeof fanKinds)[number]

/** KiB that an idle subscriber costs a publisher that has done nothing else before. */
const memory = async (listeners: number) => {
  const kib = {} as Record<FanKind, number>
  for (const kind of fanKinds) {
    const { publisher, subscriber } = pairOf()
    const port = await publisher.call.open({ kind })
    await subscriber.call.listen({ port, count: 10, stuck: 0 })
    await subscriber.call.close(null)
    const before = await publisher.call.settled(null)
    await subscriber.call.listen({ port, count: listeners, stuck: 0 })
    const after = await publisher.call.settled(null)
    kib[kind] = (after.residentBytes - before.residentBytes) / 1024 / listeners
    subscriber.stop()
    publisher.stop()
  }
  compare(`memory of an idle subscriber, of ${listeners}`, "KiB", "less", [[kib.ours, kib.grpc]])
}

const tenBlocks = (perSecond: number, rounds: number): Schedule => ({ rounds, round: 10, perSecond })
const warmUpRounds = 20_000

/** Many subscribers at the tip: processor time of the publisher per delivered block. */
const fanOut = async (listeners: number, schedules: ReadonlyArray<Schedule>) => {
  for (const kind of fanKinds) {
    const { publisher, subscriber } = processes[kind]
    const port = await publisher.call.open({ kind })
    await subscriber.call.listen({ port, count: listeners, stuck: 0 })
    // At the speed of the schedules it would take a quarter of a minute until everything is compiled.
    await deliver(kind, listeners, tenBlocks(5000 / listeners, warmUpRounds / listeners))
  }
  for (const schedule of schedules) {
    const seen: Array<Record<FanKind, number>> = []
    for (let i = -2; i < 7; i++) {
      const cpu = {} as Record<FanKind, number>
      for (const kind of fanKinds) cpu[kind] = (await deliver(kind, listeners, schedule)).cpuMicros
      if (i >= 0) seen.push(cpu)
    }
    const load = `${listeners} subscribers, ${schedule.round === 1 ? "block by block" : `rounds of ${schedule.round}`}`
    const pairs = (one: FanKind, other: FanKind) => seen.map((row) => [row[one], row[other]] as const)
    compare(`${load}, against grpc-js`, "CPU us", "less", pairs("ours", "grpc"))
    compare(`${load}: bare http2, against grpc-js`, "CPU us", "less", pairs("http2", "grpc"))
  }
  for (const kind of fanKinds) {
    await processes[kind].subscriber.call.close(null)
    await processes[kind].publisher.call.close(null)
  }
}

/**
 * The slowest hundredth among 20, with and without one more that never reads. A pause of either process delays a round
 * for all 20 together: few rounds tell only where the pauses fell.
 */
const stuck = async () => {
  const { publisher, subscriber } = processes.ours
  const schedule = { rounds: 300, round: 1, perSecond: 500 }
  const pairs: Array<readonly [number, number]> = []
  for (let i = -1; i < 21; i++) {
    const p99: Array<number> = []
    // In turns, so that neither always comes first.
    for (const one of i % 2 === 0 ? [1, 0] : [0, 1]) {
      const port = await publisher.call.open({ kind: "ours" })
      await subscriber.call.listen({ port, count: 20, stuck: one })
      p99[one] = quantile((await deliver("ours", 20, schedule)).ages, 0.99) / 1000
      await subscriber.call.close(null)
      await publisher.call.close(null)
    }
    if (i >= 0) pairs.push([p99[1]!, p99[0]!])
  }
  compare("p99 of 20 beside a stuck one, against without", "ms", "less", pairs)
}

/** Publish to receive at 1,000 blocks a second. */
const latency = async () => {
  for (const kind of ["ours", "grpc"] as const) {
    const port = await processes[kind].publisher.call.open({ kind })
    await processes[kind].subscriber.call.listen({ port, count: 1, stuck: 0 })
  }
  const schedule = { rounds: 1000, round: 1, perSecond: 1000 }
  const seen: Array<Record<"ours" | "grpc", ReadonlyArray<number>>> = []
  for (let i = -1; i < 7; i++) {
    const { ages: ours } = await deliver("ours", 1, schedule)
    const { ages: grpc } = await deliver("grpc", 1, schedule)
    if (i >= 0) seen.push({ ours, grpc })
  }
  for (const [name, share] of [
    ["p50", 0.5],
    ["p99", 0.99]
  ] as const) {
    const at = (ages: ReadonlyArray<number>) => quantile(ages, share) / 1000
    const pairs = seen.map(({ grpc, ours }) => [at(ours), at(grpc)] as const)
    compare(`publish to receive at 1000 blocks/s, ${name}, against grpc-js`, "ms", "less", pairs)
  }
  for (const kind of ["ours", "grpc"] as const) {
    await processes[kind].subscriber.call.close(null)
    await processes[kind].publisher.call.close(null)
  }
}

/** From nothing to the tip of a long history, everything verified. */
const catchUp = async (commits: number) => {
  const { publisher, subscriber } = processes.ours
  const port = await publisher.call.openHistory(commits)
  // The newest ones wait for votes that nobody casts any more.
  const { micros, signatureMicros, signatures } = await subscriber.call.catchUp({
    port,
    commits: commits - 2
  })
  figure(`catch-up of ${commits} commits`, "commits/s", (commits * 1e6) / micros)
  figure("catch-up: time in signatures", "%", (100 * signatureMicros) / micros)
  figure("catch-up: signatures per 100 commits", "", (100 * signatures) / commits)
  await publisher.call.close(null)
}

/**
 * An old history from a relay's archive, against a relay that has all of it in memory: everybody who asks for it first, and
 * whoever comes again, for whom memory has its responses ready.
 */
const archive = async (commits: number) => {
  const { publisher, subscriber } = pairOf()
  const { bytes, ports } = await publisher.call.openRelays(commits)
  const pairs: Array<readonly [number, number]> = []
  for (let i = -2; i < 11; i++) {
    const perSecond = { memory: 0, archive: 0 }
    for (const from of i % 2 === 0 ? (["archive", "memory"] as const) : (["memory", "archive"] as const)) {
      const micros = await subscriber.call.receiveCommits({ port: ports[from], bytes })
      perSecond[from] = (bytes / 2 ** 20) * (1e6 / micros)
    }
    if (i >= 0) pairs.push([perSecond.archive, perSecond.memory])
  }
  compare("commits from a relay's archive, against from its memory", "MiB/s", "more", pairs)
  await publisher.call.close(null)
  subscriber.stop()
  publisher.stop()
}

/**
 * What `ephor-node observe --output blocks` costs at the tip of a committee of a hundred, everything verified and written.
 * The rate is lower than the one that is told, so that it keeps up on a machine that others use, too: what it costs is
 * counted in processor time of each block.
 */
const observe = async (authors: number, told: number, perSecond: number, rounds: number) => {
  const publisher = start<typeof PublisherVerbs>("publisher.ts")
  const { committee, port } = await publisher.call.openCommittee({ authors, rounds: rounds * 2 })
  const observing = observeBlocks(port, committee)
  /** Publishes rounds, and waits until the file has grown by all that is certified of them. */
  const take = async (count: number, pace = perSecond) => {
    await publisher.call.publish({ round: 1, perSecond: pace, rounds: count })
    for (let before = -1, now = observing.used().bytes; before !== now; now = observing.used().bytes) {
      before = now
      await new Promise((resolve) => setTimeout(resolve, 3000))
    }
    return observing.used()
  }
  // Once it has connected, and everything is compiled.
  const [first, warm] = [5, Math.floor(rounds / 3)]
  while ((await take(first)).bytes === 0);
  const before = await take(warm, perSecond / 2)
  const after = await take(rounds)
  observing.stop()
  const blocks = rounds * authors
  const micros = ((after.cpuSeconds - before.cpuSeconds) * 1e6) / blocks
  figure("observe --output blocks, processor time of a block", "us", micros)
  // What everything costs here depends on who else uses the machine, and so does this.
  const signature = await publisher.call.signatureMicros(null)
  figure("a check of a signature", "us", signature)
  figure("observe --output blocks, in checks of a signature", "", micros / signature)
  figure(
    `observe --output blocks at ${told} blocks/s of ${authors} authors`,
    "% of a core",
    (micros * told) / 1e4
  )
  figure("observe --output blocks, written of a block", "KiB", (after.bytes - before.bytes) / 1024 / blocks)
  await publisher.call.close(null)
  publisher.stop()
}

/** Parts by name; those that are named on the command line are run, or all. */
const parts: Readonly<Record<string, () => Promise<void>>> = {
  batches,
  singles,
  latency,
  stuck,
  memory: () => memory(1000),
  fanOut: async () => {
    await fanOut(20, [tenBlocks(100, 100)])
    await fanOut(100, [tenBlocks(25, 25), { rounds: 100, round: 1, perSecond: 100 }])
    await fanOut(1000, [tenBlocks(4, 4)])
  },
  catchUp: () => catchUp(100_000),
  archive: () => archive(8000),
  observe: () => observe(100, 1330, 4, 120)
}
const named = process.argv.slice(2).filter((name) => name in parts)
for (const name of named.length === 0 ? Object.keys(parts) : named) await parts[name]!()
stop(processes)
