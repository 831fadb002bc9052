import { assert, describe, it } from "@effect/vitest"
import * as EventQueue from "../src/EventQueue.ts"
import { vectors } from "./vectors.ts"

const { defaults, scenarios } = vectors("event-stream")

/** Plays a scenario of the vectors; what each subscription was told is kept by its name. */
const play = (steps: ReadonlyArray<any>, limit: number) => {
  let queue: EventQueue.EventQueue<string> = EventQueue.empty
  const told = new Map<string, Array<string>>()
  const send = (event: string) => {
    const offered = EventQueue.offer(queue, event, limit)
    queue = offered.queue
    if (offered.to !== undefined) told.get(offered.to)!.push(event)
  }
  for (const step of steps) {
    if (step.subscribe !== undefined) {
      told.set(String(step.subscribe), [])
      queue = EventQueue.subscribe(queue, String(step.subscribe))
    } else if (Array.isArray(step.send)) {
      step.send.forEach(send)
    } else if (step.send !== undefined) {
      assert.strictEqual(step.send, "11 events: 0..10")
      for (let event = 0; event <= 10; event++) send(String(event))
    } else if (step.notified !== undefined) {
      assert.deepStrictEqual(told.get(queue.live!), step.notified)
    } else {
      const pulled = EventQueue.pull(queue)
      assert.strictEqual(pulled.closed, queue.live)
      queue = pulled.queue
      assert.strictEqual(pulled.event, typeof step.pull === "string" ? step.pull : undefined)
    }
  }
  return { queue, told }
}

describe("scenarios", () => {
  for (const { maxQueue, name, steps } of scenarios) {
    it(name, () => void play(steps, maxQueue ?? defaults.opNodeQueue))
  }
  it("a second subscriber replaces the first, which hears nothing more", () => {
    const { steps } = scenarios.find((scenario: any) => scenario.name.startsWith("second subscriber"))
    const { told } = play([...steps, { send: ["x"] }], 10)
    assert.deepStrictEqual(Object.fromEntries(told), { A: [], B: ["x"] })
  })
})

describe("queue", () => {
  it("what was queued before a subscription never comes", () => {
    const { queue } = EventQueue.offer(EventQueue.empty, "dave", 10)
    const pulled = EventQueue.pull(EventQueue.subscribe(queue, "a"))
    assert.deepStrictEqual(pulled, { queue: EventQueue.empty, closed: "a", event: undefined })
  })
  it("counts what it drops", () => {
    const full = EventQueue.offer({ live: undefined, waiting: ["a", "b"] }, "c", 2)
    assert.deepStrictEqual(full, {
      queue: { live: undefined, waiting: ["b", "c"] },
      to: undefined,
      dropped: 1
    })
  })
  it("an ended subscription that was replaced does not end the live one", () => {
    const queue = EventQueue.subscribe(EventQueue.empty, "b")
    assert.strictEqual(EventQueue.unsubscribe(queue, "a").live, "b")
    assert.isUndefined(EventQueue.unsubscribe(queue, "b").live)
  })
})
