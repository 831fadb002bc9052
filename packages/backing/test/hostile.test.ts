/** Functions that mean harm: each loses at most the process that runs it, and is judged alike by another one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { Adder, Pvf } from "@ephor/backing"
import * as Metrics from "@ephor/backing/Metrics"
import * as NodePvf from "@ephor/backing/NodePvf"
import * as Hostile from "./support/hostile.ts"

/** How many functions, and from which seed: settable for long runs. */
const count = Number(process.env["EPHOR_HOSTILE_FUNCTIONS"] ?? 200)
const seed = Number(process.env["EPHOR_HOSTILE_SEED"] ?? 20_261_201)
/** Functions that end by losing their process are few, for each costs the start of another one. */
const endlessEvery = 30

const patient = Hostile.kinds.filter(({ endless }) => endless === undefined)
const endless = Hostile.kinds.filter(({ endless }) => endless === true)

const functions = Array.from({ length: count }, (_, index) => {
  const kinds = index % endlessEvery === endlessEvery - 1 ? endless : patient
  const { endless: takesAll, kind, make } = kinds[index % kinds.length]!
  const code = make(Hostile.random((seed + index * 7919) | 1))
  return { index, kind, code, timeoutMs: takesAll === true ? 30 : 5000 }
})

const params = {
  parentHead: Adder.encodeHead(Adder.genesis(5n)),
  blockData: Adder.encodeBlock({ state: 5n, add: 7n }),
  relayParentNumber: 1,
  relayParentStorageRoot: `0x${"00".repeat(32)}` as const
}

const judgeAll = Effect.gen(function* () {
  const { execute } = yield* Pvf.Pvf
  const outcomes = yield* Effect.forEach(
    functions,
    ({ code, timeoutMs }) => execute({ code, params, timeoutMs }),
    {
      concurrency: 2
    }
  )
  const after = yield* execute({ code: Adder.code, params, timeoutMs: 5000 })
  assert.strictEqual(after._tag, "Valid")
  return outcomes
}).pipe(Effect.provide(NodePvf.layer({ workers: 2 })))

const lost = Effect.map(Metric.value(Metrics.pvfProcesses("lost")), ({ count }) => Number(count))

describe("hostile validation functions", () => {
  it.live(
    `lose no process but their own, and are judged alike twice (${count} from seed ${seed})`,
    () =>
      Effect.gen(function* () {
        const before = yield* lost
        const first = yield* judgeAll
        const ended = first.filter(
          ({ _tag }) => _tag === "Timeout" || _tag === "WorkerDied" || _tag === "Internal"
        )
        assert.isAtMost((yield* lost) - before, ended.length)
        const second = yield* judgeAll
        const seen = new Map<string, Set<string>>()
        functions.forEach(({ index, kind, timeoutMs }, i) => {
          const what = `${kind}, function ${index} of seed ${seed}`
          assert.deepStrictEqual(second[i], first[i], what)
          assert.notInclude(
            ["Internal", "WorkerDied"],
            first[i]!._tag,
            `${what}: ${JSON.stringify(first[i])}`
          )
          if (timeoutMs < 5000) assert.strictEqual(first[i]!._tag, "Timeout", what)
          seen.set(kind, (seen.get(kind) ?? new Set()).add(first[i]!._tag))
        })
        assert.strictEqual(seen.get("feature")?.size, 1)
        assert.isTrue(seen.get("feature")?.has("CompileFailure"))
        assert.isTrue(seen.get("recursion")?.has("Trapped"))
      }),
    600_000
  )

  for (const [name, code] of [
    ["100 tables", Hostile.kinds.find(({ kind }) => kind === "tables")!.make(() => 99)],
    ["a tail call", Hostile.assemble({ body: [0x12, 1, 0x42, 0], functions: [[0, 0x0b]] })]
  ] as const) {
    it.live(`${name} are refused`, () =>
      Effect.gen(function* () {
        const { execute } = yield* Pvf.Pvf
        assert.strictEqual((yield* execute({ code, params, timeoutMs: 1000 }))._tag, "CompileFailure")
      }).pipe(Effect.provide(NodePvf.layer({ workers: 1 })))
    )
  }
})
