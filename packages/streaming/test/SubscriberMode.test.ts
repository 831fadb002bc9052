import { assert, describe, it } from "@effect/vitest"
import { SubscriberConfig, SubscriberMode } from "../src/index.ts"

const config = SubscriberConfig.defaults
const quiet = { nowMs: 0, lag: 0, queue: 0, derived: 0, blockResponses: 0, stalled: false }
type Seen = {
  readonly [K in keyof Omit<SubscriberMode.Measured, "_tag">]?: SubscriberMode.Measured[K] | undefined
}

type Observed = Seen | "Disconnected" | "Connected"

/** Feeds observations to a connected machine; tells mode, pause and all commands after each. */
const play = (...seen: ReadonlyArray<Observed>) => {
  let state = SubscriberMode.initial({ derives: true })
  const rows: Array<string> = []
  for (const one of ["Connected" as const, ...seen]) {
    const observation: SubscriberMode.Observation =
      typeof one === "string"
        ? { _tag: one }
        : ({ _tag: "Measured", ...quiet, ...one } as SubscriberMode.Measured)
    const [next, commands] = SubscriberMode.step(state, observation, config)
    state = next
    rows.push([state.mode + (state.paused ? " (paused)" : ""), ...commands].join(" "))
  }
  return rows
}

describe("SubscriberMode", () => {
  const rows: ReadonlyArray<
    readonly [row: string, seen: ReadonlyArray<Observed>, expected: ReadonlyArray<string>]
  > = [
    [
      "T0: starts with blocks, whatever the lag may be",
      [{ lag: undefined }],
      ["BlocksOnly StartBlocks", "BlocksOnly"]
    ],
    [
      "T1: lag 50 starts commits, then stops blocks",
      [{ lag: 49 }, { lag: 50 }],
      ["BlocksOnly StartBlocks", "BlocksOnly", "CommitsOnly StartCommits StopBlocks"]
    ],
    [
      "T2: lag 10 starts blocks beside commits",
      [{ lag: 50 }, { lag: 11 }, { lag: 10 }],
      ["BlocksOnly StartBlocks", "CommitsOnly StartCommits StopBlocks", "CommitsOnly", "Overlap StartBlocks"]
    ],
    [
      "T3: lag 0 and a commit derived stops commits",
      [{ lag: 50 }, { lag: 10 }, { lag: 1, derived: 1 }, { lag: 0, derived: 1 }],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "Overlap",
        "BlocksOnly StopCommits"
      ]
    ],
    [
      "T3: lag 0 alone is not enough, lag 0 for three seconds is",
      [{ lag: 50 }, { lag: 0 }, { lag: 0, nowMs: 1000 }, { lag: 0, nowMs: 3999 }, { lag: 0, nowMs: 4000 }],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "Overlap",
        "Overlap",
        "BlocksOnly StopCommits"
      ]
    ],
    [
      "T3: the three seconds begin anew when lag returns",
      [{ lag: 50 }, { lag: 0 }, { nowMs: 1 }, { lag: 1, nowMs: 2900 }, { nowMs: 3100 }, { nowMs: 6099 }],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "Overlap",
        "Overlap",
        "Overlap",
        "Overlap"
      ]
    ],
    [
      "T3b: lag 50 in overlap goes back to commits",
      [{ lag: 50 }, { lag: 10 }, { lag: 49 }, { lag: 50 }],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "Overlap",
        "CommitsOnly StopBlocks"
      ]
    ],
    [
      "T4, T5: 500 blocks waiting stop the blocks, 50 start them",
      [{ queue: 499 }, { queue: 500 }, { queue: 51 }, { queue: 50 }],
      [
        "BlocksOnly StartBlocks",
        "BlocksOnly",
        "BlocksOnly (paused) StopBlocks",
        "BlocksOnly (paused)",
        "BlocksOnly StartBlocks"
      ]
    ],
    [
      "T4, T5 in overlap touch the block stream only",
      [{ lag: 50 }, { lag: 10 }, { lag: 5, queue: 500 }, { lag: 5, queue: 50 }],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "Overlap (paused) StopBlocks",
        "Overlap StartBlocks"
      ]
    ],
    [
      "T2 while paused starts no blocks until the queue has drained",
      [{ queue: 500 }, { queue: 400, lag: 50 }, { queue: 300, lag: 5 }, { queue: 50, lag: 5 }],
      [
        "BlocksOnly StartBlocks",
        "BlocksOnly (paused) StopBlocks",
        "CommitsOnly (paused) StartCommits",
        "Overlap (paused)",
        "Overlap StartBlocks"
      ]
    ],
    [
      "T6: a jump to lag 0 passes through overlap",
      [{ lag: 50 }, { lag: 0 }, { lag: 0, derived: 1 }],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "BlocksOnly StopCommits"
      ]
    ],
    [
      "T7: between the thresholds nothing happens",
      [{ lag: 49 }, { lag: 11 }, { lag: 30 }],
      ["BlocksOnly StartBlocks", "BlocksOnly", "BlocksOnly", "BlocksOnly"]
    ],
    [
      "T8: a lost connection keeps the mode, and its commands are replayed",
      [{ lag: 50 }, { lag: 10 }, "Disconnected", "Connected"],
      [
        "BlocksOnly StartBlocks",
        "CommitsOnly StartCommits StopBlocks",
        "Overlap StartBlocks",
        "Overlap",
        "Overlap StartCommits StartBlocks"
      ]
    ],
    [
      "a stall enters commit sync at any lag",
      [
        { lag: 3, stalled: true },
        { lag: 3, stalled: true },
        { lag: 0, stalled: true, nowMs: 9000 }
      ],
      ["BlocksOnly StartBlocks", "CommitsOnly StartCommits StopBlocks", "Overlap StartBlocks", "Overlap"]
    ],
    [
      "a long pause is probed, and the probe lasts until it is answered",
      [
        { queue: 500 },
        { queue: 500, nowMs: 4999 },
        { queue: 500, nowMs: 5000 },
        { queue: 500, nowMs: 5250 },
        { queue: 500, nowMs: 5300, blockResponses: 1 }
      ],
      [
        "BlocksOnly StartBlocks",
        "BlocksOnly (paused) StopBlocks",
        "BlocksOnly (paused)",
        "BlocksOnly StartBlocks",
        "BlocksOnly",
        "BlocksOnly (paused) StopBlocks"
      ]
    ]
  ]
  for (const [row, seen, expected] of rows) {
    it(row, () => assert.deepStrictEqual(play(...seen), expected))
  }

  it("without a way to derive commits, overlap is for ever", () => {
    let state = SubscriberMode.initial({ derives: false })
    assert.strictEqual(state.mode, "Overlap")
    for (const lag of [0, 60, 5, 0, 0]) {
      for (const derived of [0, 1]) {
        state = SubscriberMode.step(
          state,
          { _tag: "Measured", ...quiet, lag, derived, nowMs: 99_999 },
          config
        )[0]
        assert.notStrictEqual(state.mode, "BlocksOnly")
      }
    }
  })
})

describe("SubscriberMode, every state times every observation", () => {
  const lags = [undefined, 0, 10, 11, 49, 50, 5000]
  const queues = [0, 50, 51, 499, 500]
  const observations: Array<SubscriberMode.Observation> = [{ _tag: "Connected" }, { _tag: "Disconnected" }]
  for (const lag of lags) {
    for (const queue of queues) {
      for (const stalled of [false, true]) {
        for (const derived of [0, 1]) {
          observations.push({ ...quiet, _tag: "Measured", lag, queue, stalled, derived, nowMs: 10_000 })
        }
      }
    }
  }
  const legal = new Set([
    "BlocksOnly>CommitsOnly",
    "CommitsOnly>Overlap",
    "Overlap>BlocksOnly",
    "Overlap>CommitsOnly"
  ])
  const key = (state: SubscriberMode.State) => JSON.stringify(state)
  const reached = new Map<string, SubscriberMode.State>()
  const open = [SubscriberMode.initial({ derives: true })]
  const edges: Array<
    readonly [
      SubscriberMode.State,
      SubscriberMode.Observation,
      SubscriberMode.State,
      ReadonlyArray<SubscriberMode.Command>
    ]
  > = []
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (reached.has(key(state))) continue
    reached.set(key(state), state)
    for (const observation of observations) {
      const [next, commands] = SubscriberMode.step(state, observation, config)
      edges.push([state, observation, next, commands])
      open.push(next)
    }
  }

  it("reaches all modes, paused or not, connected or not", () => {
    const seen = new Set(
      [...reached.values()].map(({ connected, mode, paused }) => `${mode}/${paused}/${connected}`)
    )
    assert.strictEqual(seen.size, 12)
    assert.isAbove(edges.length, 1000)
  })
  it("I5: modes only change along the table", () => {
    for (const [from, , to] of edges) {
      if (from.mode !== to.mode)
        assert.isTrue(legal.has(`${from.mode}>${to.mode}`), `${from.mode}>${to.mode}`)
    }
  })
  it("I3: a command always changes what runs, and what runs is what the mode says", () => {
    for (const [from, observation, to, commands] of edges) {
      // A new connection runs nothing, whatever the old one ran.
      const fresh = observation._tag === "Connected"
      const expected: Array<SubscriberMode.Command> = []
      if (to.commitsOn && (fresh || !from.commitsOn)) expected.push("StartCommits")
      if (to.blocksOn && (fresh || !from.blocksOn)) expected.push("StartBlocks")
      if (!to.blocksOn && from.blocksOn && !fresh && to.connected) expected.push("StopBlocks")
      if (!to.commitsOn && from.commitsOn && !fresh && to.connected) expected.push("StopCommits")
      assert.deepStrictEqual(commands, expected)
      assert.strictEqual(to.blocksOn, to.connected && to.mode !== "CommitsOnly" && !to.paused)
      assert.strictEqual(to.commitsOn, to.connected && to.mode !== "BlocksOnly")
    }
  })
  it("I6: a lag that wanders between the thresholds changes nothing", () => {
    for (const [from, observation, to] of edges) {
      if (observation._tag !== "Measured" || observation.stalled || observation.lag === undefined) continue
      if (observation.lag > 10 && observation.lag < 50) assert.strictEqual(from.mode, to.mode)
    }
  })
  it("I9: from any state, good news leads to blocks only", () => {
    for (const start of reached.values()) {
      let state = SubscriberMode.step(start, { _tag: "Connected" }, config)[0]
      for (let i = 0; i < 5; i++) {
        state = SubscriberMode.step(
          state,
          { ...quiet, _tag: "Measured", derived: 2 + i, nowMs: 20_000 + i },
          config
        )[0]
      }
      assert.strictEqual(state.mode, "BlocksOnly")
      assert.isFalse(state.paused)
    }
  })
})
