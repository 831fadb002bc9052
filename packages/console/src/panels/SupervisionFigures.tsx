/** The supervisor: who sends messages to whom, what blocks it, what was invalid, and how its nodes are. */
import type { Status } from "@ephor/cli/Status"
import { Panel, Table } from "../parts/Panel.tsx"
import { short } from "../parts/Words.ts"

/** What a supervisor tells. */
export const SupervisionFigures = ({ status: { supervision } }: { readonly status: Status }) => {
  if (supervision === undefined) return null
  const { chains, finalizedL1, invalidations, isFailsafe, isStopped, messages, nodes } = supervision
  const countOf = (from: string, to: string) =>
    messages.find((one) => one.from === from && one.to === to)?.count ?? 0
  const nodeNames = Object.entries(nodes)
  return (
    <Panel
      id="supervision"
      title="Between the chains"
      note={finalizedL1 === undefined ? "L1 has finalized nothing yet" : `L1 is final up to ${finalizedL1}`}
      tone={isFailsafe || isStopped ? "bad" : undefined}
      isWide
    >
      <div class="badges">
        <span class={`badge ${isFailsafe ? "bad" : "good"}`} data-failsafe={isFailsafe}>
          failsafe {isFailsafe ? "on: access lists are turned down" : "off"}
        </span>
        {isStopped ? <span class="badge bad">stopped by an operator</span> : null}
        {nodeNames.map(([name, state]) => (
          <span key={name} class={`badge ${state === "Connected" ? "good" : "bad"}`}>
            {name} {state.toLowerCase()}
          </span>
        ))}
      </div>
      <h3>Messages executed, from row to column</h3>
      <Table
        label="messages between the chains"
        head={["from \\ to", ...chains.map(({ chainId }) => chainId), "waits for"]}
      >
        {chains.map(({ chainId, waits }) => (
          <tr key={chainId}>
            <th scope="row">{chainId}</th>
            {chains.map((to) => (
              <td
                key={to.chainId}
                data-messages={`${chainId} ${to.chainId}`}
                class={waits?.on === to.chainId ? "warn" : ""}
              >
                {chainId === to.chainId && countOf(chainId, to.chainId) === 0
                  ? "–"
                  : countOf(chainId, to.chainId)}
              </td>
            ))}
            <td class={waits === undefined ? "quiet" : "warn"}>
              {waits === undefined
                ? "nothing"
                : `${waits.on === undefined ? "" : `chain ${waits.on}: `}${waits.why}`}
            </td>
          </tr>
        ))}
      </Table>
      <h3>Invalid blocks</h3>
      {invalidations.length === 0 ? (
        <p class="quiet">none since the supervisor started</p>
      ) : (
        <ul class="warnings" data-invalidations={invalidations.length}>
          {invalidations.toReversed().map(({ chainId, hash, number, why }) => (
            <li key={`${chainId} ${hash}`} class="bad">
              block {number} of chain {chainId} ({short(hash)}): {why}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
