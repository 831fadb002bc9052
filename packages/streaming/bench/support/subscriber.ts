/** A process that subscribes. */
import { catchUp } from "./history.ts"
import { ageOf, type Kind, type Load } from "./loads.ts"
import { offer, settled, usage } from "./processes.ts"
import { type Audience, audience, listener, receive } from "./subscribers.ts"

let listening: Audience | undefined
let ages: Array<number> = []
let expected = 0
let done: () => void = () => {}

const take = (block: Uint8Array) => {
  ages.push(ageOf(block))
  if (ages.length === expected) done()
}

/** What the process does. */
export const verbs = {
  receive: ({ kind, load, port }: { readonly kind: Kind; readonly port: number; readonly load: Load }) =>
    receive(kind, port, load),
  catchUp: ({ commits, port }: { readonly port: number; readonly commits: number }) => catchUp(port, commits),
  listen: async (of: { readonly port: number; readonly count: number; readonly stuck: number }) => {
    listening = await audience(of.port, of.count, of.stuck, take)
  },
  listenAs: async ({ kind, port }: { readonly kind: Kind; readonly port: number }) => {
    listening = await listener(kind, port, take)
  },
  /** Begins to count; the ages in microseconds, sorted, once so many blocks have come. */
  count: async (count: number): Promise<Array<number>> => {
    ages = []
    expected = count
    await new Promise<void>((resolve) => (done = resolve))
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
