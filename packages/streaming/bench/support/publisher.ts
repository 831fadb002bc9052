/** A process that publishes. */
import { nowMicros } from "./loads.ts"
import { openCommittee, signatureMicros } from "./committee.ts"
import { offer, settled, usage } from "./processes.ts"
import { open, openHistory, type Running } from "./publishers.ts"
import { openRelays, type Relays } from "./relays.ts"

/** When to publish what. */
export interface Schedule {
  readonly rounds: number
  /** Blocks of a round. */
  readonly round: number
  /** Rounds per second. */
  readonly perSecond: number
}

let running: Running | undefined

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** What the process does. */
export const verbs = {
  open: async (what: Parameters<typeof open>[0]): Promise<number> => {
    running = await open(what)
    return running.port
  },
  /** Makes a history, which takes a while, and serves it. */
  openHistory: async (commits: number): Promise<number> => {
    running = await openHistory(commits)
    return running.port
  },
  /** The same behind two relays, one of which serves it from its archive. */
  openRelays: async (commits: number): Promise<Relays> => {
    const relays = await openRelays(commits)
    running = relays
    return { ports: relays.ports, bytes: relays.bytes }
  },
  /** Has a committee make rounds, which takes a while, and publishes none of them yet. */
  openCommittee: async (of: Parameters<typeof openCommittee>[0]) => {
    const made = await openCommittee(of)
    running = made
    return { port: made.port, committee: made.committee }
  },
  /** Publishes on schedule, whether anybody keeps up or not: rounds of so many blocks. */
  publish: async ({ perSecond, round, rounds }: Schedule) => {
    const start = nowMicros()
    for (let done = 0; done < rounds;) {
      const due = Math.min(rounds, Math.floor(((nowMicros() - start) * perSecond) / 1e6) + 1)
      for (; done < due; done++) running!.publish(round)
      // Until the next one is due: a clock that ticks in between would count as cost of the deliveries.
      await sleep(Math.max(1, (done * 1000) / perSecond - (nowMicros() - start) / 1000))
    }
  },
  /** Processor time of a check of a signature. */
  signatureMicros: (_: null) => signatureMicros(),
  usage: (_: null) => usage(),
  settled: (_: null) => settled(),
  close: async (_: null) => {
    await running?.close()
    running = undefined
  }
}
offer(verbs)
