/** The validators of the chain, and the peers of the process. */
import type { Status } from "@ephor/cli/Status"
import { Panel, Table } from "../parts/Panel.tsx"

/** Who takes part. */
export const Parties = ({ status: { courtroom, peers, validators } }: { readonly status: Status }) => {
  if (validators === undefined) return null
  const slashed = new Set(courtroom?.slashes.map(({ validator }) => validator))
  return (
    <Panel id="parties" title="Validators and peers">
      <Table label="validators" head={["validator", "group", "where", "state"]}>
        {validators.map(({ group, index, isDisabled, isFaulty, isOwn }) => {
          const states = [
            ...(isDisabled ? ["disabled"] : []),
            ...(slashed.has(index) ? ["slashed"] : []),
            ...(isFaulty ? ["backs anything, as told"] : [])
          ]
          const peer = peers?.find(({ validator }) => validator === index)
          const isAway = !isOwn && peers !== undefined && peer === undefined
          return (
            <tr key={index}>
              <th scope="row">{index}</th>
              <td>{group ?? "–"}</td>
              <td class={isAway ? "bad" : ""}>{isOwn ? "here" : isAway ? "not connected" : "connected"}</td>
              <td class={isDisabled || slashed.has(index) ? "warn" : ""}>
                {states.length === 0 ? "well" : states.join(", ")}
              </td>
            </tr>
          )
        })}
      </Table>
      {peers === undefined ? (
        <p class="note">All validators of the chain are in this process.</p>
      ) : (
        <Table label="peers" head={["peer", "validator", "reputation"]}>
          {peers.map(({ id, reputation, validator }) => (
            <tr key={id}>
              <td class="name">{id}</td>
              <td>{validator ?? "–"}</td>
              <td class={reputation < 0 ? "warn" : ""}>{reputation}</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  )
}
