import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { LogLine } from "../src/index.ts"
import { parseLogfmt } from "./logfmt.ts"

/** What both formats make of a log. */
const linesOf = (log: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const keep = (logger: Logger.Logger<unknown, string>) =>
      Logger.make((options) => void lines.push(logger.log(options)))
    yield* log.pipe(Effect.provide(Logger.layer([keep(LogLine.logfmtLogger), keep(LogLine.jsonLogger)])))
    const [logfmt = "", json = ""] = lines
    return { logfmt: parseLogfmt(logfmt), json: JSON.parse(json), lines }
  })

const cause = Cause.fail(new Error('it said "no"\nand left'))
const cases: ReadonlyArray<readonly [what: string, log: Effect.Effect<void>]> = [
  ["a text", Effect.logInfo("a text")],
  ["a text and fields", Effect.logInfo("a text", { number: 7, hash: "0x00", isNew: true, nothing: null })],
  [
    "fields that are nested",
    Effect.logInfo("a text", { block: { number: 7, parent: { number: 6, deep: { x: 1 } } } })
  ],
  [
    "fields of names that a line has",
    Effect.logInfo("a text", { message: "m", level: 3, timestamp: 1, cause: 2 })
  ],
  ["a field twice", Effect.annotateLogs(Effect.logInfo("a text", { chain: 1 }), { chain: "2" })],
  ["text that would end a value", Effect.logInfo('a = "b"\n\tc\\d \u0007 ü \u2028', { text: 'x="y" z' })],
  ["names that would end a name", Effect.logInfo("a text", { "a b": 1, 'c="d"': 2, "": 3 })],
  ["several texts", Effect.logInfo("a text", "and", "more")],
  ["an error", Effect.logWarning("a text", new Error("why\nnot"))],
  ["a cause", Effect.logError("a text", cause)],
  [
    "values of all kinds",
    Effect.logInfo("a text", { big: 10n, list: [1, "a b"], not: Number.NaN, set: new Set([1]) })
  ],
  ["nothing", Effect.logInfo("")],
  [
    "a circle",
    Effect.suspend(() => {
      const round: Record<string, unknown> = {}
      round["round"] = round
      return Effect.logInfo("a text", round)
    })
  ]
]

describe("LogLine", () => {
  for (const [what, log] of cases)
    it.effect(`writes ${what} as fields that a strict reader takes, the same in both formats`, () =>
      Effect.gen(function* () {
        const { json, lines, logfmt } = yield* linesOf(log)
        for (const line of lines) assert.notInclude(line, "\n")
        for (const name of ["timestamp", "level", "message", "fiber"]) assert.isTrue(logfmt.has(name), name)
        const flat = Object.entries(json).map(([name, value]) => [name, String(value)] as const)
        assert.deepStrictEqual(new Map(flat), logfmt)
      })
    )

  it.effect("keeps everything that was told, under names of its own", () =>
    Effect.gen(function* () {
      const { json } = yield* linesOf(
        Effect.annotateLogs(Effect.logInfo("moved", "on", { block: { number: 7 }, message: "inner" }), {
          chain: "901"
        })
      )
      const { fiber, timestamp, ...rest } = json
      assert.match(fiber, /^#\d+$/)
      assert.match(timestamp, /^\d{4}-/)
      assert.deepStrictEqual(rest, {
        level: "INFO",
        message: "moved on",
        "block.number": 7,
        "data.message": "inner",
        chain: "901"
      })
    })
  )

  it.effect("bounds what a line holds", () =>
    Effect.gen(function* () {
      const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, i]))
      const { json } = yield* linesOf(Effect.logInfo("a text", many))
      assert.isAtMost(Object.keys(json).length, 64)
    })
  )
})
