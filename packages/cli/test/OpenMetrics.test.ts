import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { NodeMetrics, OpenMetrics } from "../src/index.ts"
import { complaints, parse } from "./support/metricsText.ts"

const strange = 'a "quoted" \\ text\nof two lines'

const update = Effect.gen(function* () {
  const counter = Metric.counter("test_things_total", {
    description: strange,
    incremental: true,
    attributes: { "what.it.is": strange }
  })
  yield* Metric.update(counter, 3)
  yield* Metric.update(Metric.gauge("test_size_bytes", { description: "Size" }), -1.5)
  const times = Metric.histogram("test_times_seconds", { description: "Times", boundaries: [0.5, 1, 2] })
  for (const time of [0.1, 1.5, 7]) yield* Metric.update(times, time)
  yield* Metric.update(Metric.frequency("test_words_total", { description: "Words" }), "yes")
  yield* Metric.update(
    Metric.summary("test_sums", { description: "Sums", maxAge: "1 minute", maxSize: 10, quantiles: [0.5] }),
    4
  )
})

const own = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>) =>
  snapshots.filter(({ id }) => id.startsWith("test_"))

describe("OpenMetrics", () => {
  for (const format of ["prometheus", "openmetrics"] as const) {
    it.effect(`writes every kind so that a strict reader of ${format} understands it`, () =>
      Effect.gen(function* () {
        yield* update
        const text = OpenMetrics.render(own(yield* Metric.snapshot), format)
        const families = parse(text, format)
        const end = format === "openmetrics" ? "" : "_total"
        assert.deepStrictEqual(
          families.map(({ name, type, unit }) => [name, type, unit]),
          [
            ["test_size_bytes", "gauge", format === "openmetrics" ? "bytes" : undefined],
            ["test_sums", "summary", undefined],
            [`test_things${end}`, "counter", undefined],
            ["test_times_seconds", "histogram", format === "openmetrics" ? "seconds" : undefined],
            [`test_words${end}`, "counter", undefined]
          ]
        )
        const valueOf = (name: string, le?: string) =>
          families
            .flatMap(({ samples }) => samples)
            .find((one) => one.name === name && one.labels["le"] === le)?.value
        assert.strictEqual(valueOf("test_things_total"), 3)
        assert.strictEqual(valueOf("test_size_bytes"), -1.5)
        assert.strictEqual(valueOf("test_times_seconds_bucket", "+Inf"), 3)
        assert.strictEqual(valueOf("test_times_seconds_bucket", format === "openmetrics" ? "2.0" : "2"), 2)
        assert.strictEqual(
          families[2]!.samples[0]!.labels["what_it_is"],
          String.raw`a \"quoted\" \\ text\nof two lines`
        )
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    )
  }

  it("gives OpenMetrics to those who prefer it", () => {
    // What Prometheus 3 asks with.
    const prometheus =
      "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    assert.strictEqual(OpenMetrics.negotiate(prometheus), "openmetrics")
    for (const accept of [
      undefined,
      "*/*",
      "text/plain",
      "text/html,*/*;q=0.1",
      "application/openmetrics-text;q=0"
    ])
      assert.strictEqual(OpenMetrics.negotiate(accept), "prometheus")
    assert.strictEqual(
      OpenMetrics.negotiate("text/plain;q=1,application/openmetrics-text;q=0.5"),
      "prometheus"
    )
  })

  it.live("tells of its process", () =>
    Effect.gen(function* () {
      const refresh = yield* NodeMetrics.make("1.2.3")
      yield* refresh
      yield* refresh
      const snapshots = (yield* Metric.snapshot).filter(({ id }) => /^(process_|ephor_)/.test(id))
      const families = parse(OpenMetrics.render(snapshots, "openmetrics"), "openmetrics")
      const names = families.map(({ name }) => name)
      assert.includeMembers(names, [
        "ephor_build_info",
        "process_cpu_seconds",
        "process_heap_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds"
      ])
      const build = families.find(({ name }) => name === "ephor_build_info")!.samples[0]!
      assert.deepStrictEqual(build.labels, { version: "1.2.3", node: process.versions.node })
      for (const { help, name, type } of families)
        assert.deepStrictEqual(complaints(type === "counter" ? `${name}_total` : name, type, help), [], name)
    }).pipe(Effect.scoped)
  )

  it("is read by a reader that refuses what is wrong", () => {
    for (const wrong of [
      "# TYPE a_total counter\na_total 1",
      "# TYPE a_total counter\na_total 1\na_total 1\n",
      "# TYPE a counter\nb 1\n",
      '# TYPE a gauge\na{b="1" c="2"} 1\n',
      "# TYPE a gauge\na one\n",
      '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
      "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# HELP a more\n"
    ])
      assert.throws(() => parse(wrong, "prometheus"))
    assert.throws(() => parse("# TYPE a counter\na_total 1\n", "openmetrics"), "# EOF")
    assert.throws(() => parse("# TYPE a counter\na 1\n# EOF\n", "openmetrics"))
  })
})
