/** The subsystems of a validator as a circle of mailboxes, with what goes through them now. */
import type { Status, SubsystemView } from "@ephor/cli/Status"
import { useState } from "preact/hooks"
import type { History } from "../History.ts"
import { Panel, Table } from "../parts/Panel.tsx"
import { rate } from "../parts/Words.ts"

const size = 400
const radius = 150

const placeOf = (at: number, count: number): readonly [x: number, y: number] => {
  const angle = (2 * Math.PI * at) / count - Math.PI / 2
  return [size / 2 + radius * Math.cos(angle), size / 2 + radius * Math.sin(angle)]
}

/** The more goes through a mailbox, the larger it is drawn. */
const sizeOf = (perSecond: number | undefined) => 5 + Math.min(12, 3 * Math.log2(1 + (perSecond ?? 0)))

const initials = (name: string) => name.replaceAll(/[a-z]/g, "")

const Drawing = ({
  chosen,
  rateOf,
  subsystems
}: {
  readonly subsystems: ReadonlyArray<SubsystemView>
  readonly rateOf: (name: string) => number | undefined
  readonly chosen: string | undefined
}) => {
  const places = new Map(subsystems.map(({ name }, i) => [name, placeOf(i, subsystems.length)]))
  return (
    <svg
      class="graph"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label="who sends to whom: the table says the same"
    >
      {subsystems.flatMap(({ name, sendsTo }) =>
        sendsTo.map((target) => {
          const [from, to] = [places.get(name), places.get(target)]
          if (from === undefined || to === undefined) return null
          const isChosen = name === chosen || target === chosen
          return (
            <path
              key={`${name} ${target}`}
              class={`edge${isChosen ? " chosen" : ""}`}
              d={`M ${from.join(" ")} Q ${size / 2} ${size / 2} ${to.join(" ")}`}
            />
          )
        })
      )}
      {subsystems.map(({ name, waiting }) => {
        const [x, y] = places.get(name)!
        return (
          <g key={name}>
            <circle
              class={`mailbox${waiting > 0 ? " waiting" : ""}${name === chosen ? " chosen" : ""}`}
              cx={x}
              cy={y}
              r={sizeOf(rateOf(name))}
            />
            <text x={size / 2 + (x - size / 2) * 1.22} y={size / 2 + (y - size / 2) * 1.22 + 4}>
              {initials(name)}
            </text>
          </g>
        )
      })}
    </svg>
  )
}

/** The graph, and the same as a table. */
export const Subsystems = ({
  history,
  name: program,
  status: { subsystems }
}: {
  readonly status: Status
  readonly history: History
  readonly name: string
}) => {
  const [chosen, setChosen] = useState<string>()
  if (subsystems === undefined) return null
  const rateOf = (name: string) => history.perSecond(`${program} subsystem ${name}`)
  return (
    <Panel id="subsystems" title="Subsystems" note="larger: more messages; filled: messages wait" isWide>
      <div class="split">
        <Drawing subsystems={subsystems} rateOf={rateOf} chosen={chosen} />
        <Table label="subsystems" head={["subsystem", "rate", "waiting", "had to wait", "sends to"]}>
          {subsystems.map(({ blocked, name, received, sendsTo, waiting }) => (
            <tr
              key={name}
              data-subsystem={name}
              data-received={received}
              onMouseEnter={() => setChosen(name)}
              onMouseLeave={() => setChosen(undefined)}
            >
              <th scope="row">
                {name} <span class="quiet">{initials(name)}</span>
              </th>
              <td>{rate(rateOf(name))}</td>
              <td class={waiting > 0 ? "warn" : ""}>{waiting}</td>
              <td>{blocked}</td>
              <td class="quiet">{sendsTo.map(initials).join(", ") || "–"}</td>
            </tr>
          ))}
        </Table>
      </div>
    </Panel>
  )
}
