/** The ladder: the five heads of each chain, and how far each one is behind the one before. */
import type { Ladder, Level, Status } from "@ephor/cli/Status"
import type { History } from "../History.ts"
import { Chart } from "../parts/Chart.tsx"
import { Panel } from "../parts/Panel.tsx"
import { duration, short } from "../parts/Words.ts"

const rungs: ReadonlyArray<readonly [level: Level, title: string, color: string]> = [
  ["localUnsafe", "unsafe", "--rung-1"],
  ["crossUnsafe", "cross-unsafe", "--rung-2"],
  ["localSafe", "local-safe", "--rung-3"],
  ["crossSafe", "cross-safe", "--rung-4"],
  ["finalized", "finalized", "--rung-5"]
]

const Rungs = ({
  history,
  ladder: { chainId, heads },
  name,
  time
}: {
  readonly ladder: Ladder
  readonly history: History
  readonly name: string
  readonly time: number
}) => (
  <div class="ladder" data-chain={chainId}>
    <h3>chain {chainId}</h3>
    <ol>
      {rungs.map(([level, title, color], i) => {
        const head = heads[level]
        const above = i === 0 ? undefined : heads[rungs[i - 1]![0]]
        const gap = head === undefined || above === undefined ? undefined : above.number - head.number
        return (
          <li key={level} class={`rung rung-${i + 1}`} data-level={level}>
            <span class="level">{title}</span>
            <span class="number" data-number={head?.number}>
              {head === undefined ? "–" : head.number.toLocaleString("en")}
            </span>
            <span class="quiet" title={head?.hash}>
              {head === undefined
                ? "nothing yet"
                : head.timestamp === undefined
                  ? short(head.hash)
                  : `${duration(time / 1000 - head.timestamp)} old`}
            </span>
            {i === 0 ? (
              <span class="gap quiet">the newest block</span>
            ) : (
              <>
                <span class="gap">{gap === undefined ? "–" : gap <= 0 ? "level" : `${gap} behind`}</span>
                <Chart
                  label={`blocks that ${title} of chain ${chainId} is behind ${rungs[i - 1]![1]}`}
                  series={history.of(`${name} ${chainId} gap ${i}`)}
                  height={28}
                  color={color}
                  isSmall
                />
              </>
            )}
          </li>
        )
      })}
    </ol>
  </div>
)

/** All ladders of a program. */
export const Ladders = ({
  history,
  name,
  status: { ladders, time }
}: {
  readonly status: Status
  readonly history: History
  readonly name: string
}) =>
  ladders === undefined ? null : (
    <Panel id="ladder" title="Ladder" note="from new to final, with the gap to the step before" isWide>
      {ladders.length === 0 ? <p class="quiet">no chain has told its heads yet</p> : null}
      {ladders.map((ladder) => (
        <Rungs key={ladder.chainId} ladder={ladder} history={history} name={name} time={time} />
      ))}
    </Panel>
  )
