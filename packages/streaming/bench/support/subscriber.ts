/** A process that subscribes. */
import { catchUp } from "./history.ts"
import { ageOf, type Kind, type Load } from "./loads.ts"
import { offer, settled, usage } from "./processes.ts"
import { type Audience, audience, receive, receiveCommits } from "./subscribers.ts"

let listening: Audience | undefined
let ages: Array<number> = []
let expected = 0
let done: () => void = () => {}
let counted: Promise<void> = Promise.resolve()

const take = (block: Uint8Array) => {
  ages.push(ageOf(block))
  if (ages.length === expected) done()
}

/** What the process does. */
export const verbs = {
  receive: ({ kind, load, port }: { readonly kind: Kind; readonly port: number; readonly load: Load }) =>
    receive(kind, port, load),
  receiveCommits: ({ bytes, port }: { readonly port: number; readonly bytes: number }) =>
    receiveCommits(port, bytes),
  catchUp: ({ commits, port }: { readonly port: number; readonly commits: number }) => catchUp(port, commits),
  listen: async (of: { readonly port: number; readonly count: number; readonly stuck: number }) => {
    listening = await audience(of.port, of.count, of.stuck, take)
  },
  /** Begins to count, up to so many blocks; only then may they be published. */
  count: (count: number): void => {
    ages = []
    expected = count
    counted = new Promise((resolve) => (done = resolve))
  },
  /** The ages in microseconds, sorted, once all have come. */
  ages: async (_: null): Promise<Array<number>> => {
    await counted
    return ages.sort((a, b) => a - b)
  },
  usage: (_: null) => usage(),
  settled: (_: null) => settled(),
  close: (_: null) => {
    listening?.close()
    listening = undefined
  }
}
offer(verbs)
