/**
 * `docs/OBSERVERS.md`: the report of a run with ten thousand observers, as `simulate.ts --observers --scale` prints it.
 */
import type { Quantiles } from "./Histogram.ts"
import type { Options, Phase, Report } from "./ScaleReport.ts"

const show = (times: Quantiles | undefined): string =>
  times === undefined ? "-" : `${times.p50} / ${times.p99} / ${times.max}`
const kib = (bytes: number): string => `${(bytes / 1024).toFixed(0)}`
const s = (ms: number): string => `${ms / 1000} s`
/** 10000 as 10 000. */
const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, " ")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

/** What happened in each part of a run, as rows of a Markdown table. */
export const phases = ({ phases }: Report): string =>
  table(
    [
      "part",
      "one observer has a commit, ms",
      "everyone has it, ms",
      "left behind",
      "KiB/s per link",
      "worst lag, commits",
      "attempts to connect",
      "most in a second",
      "loops refused",
      "changes of mode"
    ],
    phases.map((one) => [
      one.name,
      show(one.deliveryMs),
      show(one.everyoneMs),
      one.leftBehind,
      kib(one.bytesPerLinkSecond),
      one.worstLag,
      one.reconnects,
      one.busiestSecond,
      one.refused,
      one.modeChanges
    ])
  )

const levels = (steady: Phase): string =>
  table(
    ["level", "an observer has a commit, ms"],
    steady.levelsMs.map((times, i) => [i + 1, show(times)])
  )

const parts = (options: Options): string =>
  [
    `* **${names.start}**: ${s(options.startMs)} from nothing; everybody connects within 0.2 s.`,
    `* **${names.steady}**: ${s(options.steadyMs)} in which nothing happens.`,
    `* **${names.kill}**: the first relay loses its power, without a word; its ${options.fanOut} children hear nothing for 3 s, then go to one of the three other relays that they know. ${s(options.killMs)}.`,
    `* **${names.partition}**: every second relay of the first level, with all below it, for ${s(options.partitionMs)}. The relays look for sources; those below them hear heartbeats and stay. "Everyone" and "left behind" are about the others; left behind are orphans of the dead relay that know only sources which are dead or on the other side.`,
    `* **${names.heal}**: ${s(options.healMs)} in which what was missed is made up for. A cut-off relay finds the origin at its next attempt: these take 5 s while nobody answers, and then wait up to 10 s. What comes late counts in the part in which it comes.`
  ].join("\n")

/** Names of the parts of a run. */
export const names = {
  start: "start",
  steady: "steady",
  kill: "a relay of the first level dies",
  partition: "half of the first level is cut off",
  heal: "the partition has healed"
} as const

/** The page; the same report gives the same page. */
export const page = (report: Report): string => {
  const { certified, depth, events, hash, healedAfterMs, options, violations } = report
  const { fanOut, observers, roundBytes, roundMs, seed } = options
  const steady = report.phases.find(({ name }) => name === names.steady)!
  const rate = roundBytes / roundMs / 1.024
  const healed =
    healedAfterMs < 0
      ? "Not everybody was back at the tip, by blocks alone, when the run ended."
      : `${healedAfterMs / 1000} s after the partition everybody was back at the tip, by blocks alone, without lag.`
  return `# Ten thousand observers

${grouped(observers)} observers below one origin, each relay with up to ${fanOut} children: ${depth} levels. A round of blocks every ${roundMs} ms makes a
commit; its blocks have ${kib(roundBytes)} KiB, so that the stream is ${rate.toFixed(0)} KiB/s. Times are virtual, p50 / p99 / max, counted from the moment at
which the origin has the commit. Seed ${seed}.

${phases(report)}

${healed} In the end the origin had ${grouped(certified.origin)} commits; every living
observer had between ${grouped(certified.least)} and ${grouped(certified.most)} of them, each once and in order. ${violations.length === 0 ? "No check failed." : `Checks that failed: ${violations.join("; ")}.`}

${parts(options)}

In the steady state, by level:

${levels(steady)}

An observer has a commit when a quorum of votes for it is there: these are in the next round, so that ${roundMs} ms of each time are
the committee's own. The rest is the links' delay (2 to 82 ms by distance, up to ${options.jitterMs} ms jitter), ${options.verifyMs} ms of verifying on each level, and the
place in the queue: sending ${kib(roundBytes)} KiB to ${fanOut} children at 1 Gbit/s takes ${((fanOut * roundBytes) / options.bytesPerMs).toFixed(0)} ms. A relay sends ${fanOut} times what it takes in
(${((fanOut * rate) / 1024).toFixed(0)} MiB/s), however many observers there are in all.

## What is real

* The mode machine (\`SubscriberMode\`), thresholds and patience (\`SubscriberConfig.defaults\`), batch sizes and their byte cap
  (\`BatchPolicy\`), heartbeats (\`Publisher.defaults\`), and the rules about paths by which loops are refused (\`Relay\`): the package's own code.
* Backoff, silence, write stalls, windows and connect timeouts follow the package's rules with the package's figures.

## What is a stand-in

* Observers are plain state machines on one queue of events (${grouped(events)} in this run), not fibers. Blocks are counted instead of made; to verify a round takes
  ${options.verifyMs} ms of a node's only core (a hundred signatures), to check a streamed commit by its digests ${options.digestMs} ms.
* The network: nodes are points of a square, delay grows with distance, bandwidth is each sender's 1 Gbit/s, and there is neither loss nor
  congestion inside. A dead host answers nothing; a process that is killed would close its connections, and nobody would wait for silence.
* Everybody is honest, and applications take what comes at once. Lies, slow applications, restarts and lost connections are what the
  500 seeds of the small simulation are about (\`packages/simulation\`), which runs the real \`Subscriber\`, \`Publisher\` and \`Relay\` on signed blocks.
* An island that is cut off follows itself: below its topmost relay nobody can know that there is news elsewhere.

## Run it again

\`\`\`sh
cd packages/simulation
node --conditions=ephor-source src/simulate.ts --observers --scale --seed ${seed} > ../../docs/OBSERVERS.md
\`\`\`

Most of a minute of one core. A test compares this page with what the command prints. Hash of the run: \`${hash}\`.
`
}
