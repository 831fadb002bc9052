/** The process: memory, time, how late its event loop is, how long its disk takes, and what it warned of. */
import type { Status } from "@ephor/cli/Status"
import type { History } from "../History.ts"
import { Chart } from "../parts/Chart.tsx"
import { Panel } from "../parts/Panel.tsx"
import { bytes, clock } from "../parts/Words.ts"

/** The figures of a process. */
export const ProcessFigures = ({
  history,
  name,
  status: { process }
}: {
  readonly status: Status
  readonly history: History
  readonly name: string
}) => {
  const { delayMs, heapBytes, pid, residentBytes, store, streams, warnings } = process
  const cpu = history.of(`${name} cpu`).values.at(-1)
  const latency = history.of(`${name} store`).values.findLast((value) => value !== null)
  const charts = [
    ["memory", "MiB", `${bytes(residentBytes)}, heap ${bytes(heapBytes)}`, "--rung-1"],
    [
      "cpu",
      "% of a core",
      cpu === undefined || cpu === null ? "–" : `${cpu.toFixed(1)} % of a core`,
      "--rung-4"
    ],
    ["delay", "ms", `event loop ${delayMs.p99} ms late (99 %), at worst ${delayMs.max} ms`, "--rung-3"],
    ...(store === undefined
      ? []
      : [["store", "ms", `a batch took ${latency?.toFixed(1) ?? "–"} ms to be on disk`, "--rung-5"] as const])
  ] as const
  return (
    <Panel
      id="process"
      title="Process"
      note={`pid ${pid}, ${streams} ${streams === 1 ? "page" : "pages"} open`}
    >
      <div class="charts">
        {charts.map(([what, unit, text, color]) => (
          <figure key={what}>
            <figcaption>
              {what} <span class="quiet">{text}</span>
            </figcaption>
            <Chart
              label={`${what} in ${unit}`}
              series={history.of(`${name} ${what}`)}
              height={70}
              color={color}
            />
          </figure>
        ))}
      </div>
      <h3>Last warnings</h3>
      {warnings.length === 0 ? (
        <p class="quiet">none</p>
      ) : (
        <ul class="warnings">
          {warnings
            .map((warning, i) => (
              <li key={`${warning.time} ${i}`} class={warning.level === "Warn" ? "warn" : "bad"}>
                <time>{clock(warning.time)}</time> {warning.message}
              </li>
            ))
            .toReversed()}
        </ul>
      )}
    </Panel>
  )
}
