/** Observers: those that the program runs, and those that it serves. */
import type { Status } from "@ephor/cli/Status"
import type { History } from "../History.ts"
import { Panel, Table } from "../parts/Panel.tsx"
import { bytes, rate } from "../parts/Words.ts"

/** Mode, lag and rate of observers; streams of a publisher. */
export const Observers = ({
  history,
  name,
  status: { observers, publishing }
}: {
  readonly status: Status
  readonly history: History
  readonly name: string
}) => {
  if (observers === undefined && publishing === undefined) return null
  const sent = history.perSecond(`${name} sent`)
  return (
    <Panel id="observers" title="Observers">
      {observers === undefined ? null : (
        <Table label="observers" head={["chain", "mode", "lag", "rate", "commits", "blocks", "verified"]}>
          {observers.map(({ blocks, chainId, commits, isVerified, lag, mode }) => (
            <tr key={chainId} data-observer={chainId}>
              <th scope="row">{chainId}</th>
              <td>{mode}</td>
              <td class={lag > 10 ? "warn" : ""}>{lag}</td>
              <td>{rate(history.perSecond(`${name} observer ${chainId}`))}</td>
              <td>{commits}</td>
              <td>{blocks}</td>
              <td class={isVerified ? "good" : "bad"}>{isVerified ? "yes" : "no"}</td>
            </tr>
          ))}
        </Table>
      )}
      {publishing === undefined ? null : (
        <>
          <p class="note">
            {publishing.sessions} {publishing.sessions === 1 ? "connection" : "connections"},{" "}
            {sent === undefined ? "–" : `${bytes(sent)}/s`} sent
          </p>
          <Table label="streams for observers" head={["stream", "open", "rate", "responses"]}>
            {Object.keys({ ...publishing.streams, ...publishing.responses }).map((stream) => (
              <tr key={stream}>
                <th scope="row">{stream}</th>
                <td>{publishing.streams[stream] ?? 0}</td>
                <td>{rate(history.perSecond(`${name} stream ${stream}`))}</td>
                <td>{publishing.responses[stream] ?? 0}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
    </Panel>
  )
}
