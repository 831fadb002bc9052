/** The page: a head, a tab for each process, and the panels of the process that was chosen. */
import type { Member, Status } from "@ephor/cli/Status"
import { useEffect, useState } from "preact/hooks"
import type { History } from "./History.ts"
import { useConnection, useSecond } from "./Connection.tsx"
import { BlockStrip } from "./panels/BlockStrip.tsx"
import { Buttons } from "./panels/Buttons.tsx"
import { Disputes } from "./panels/Disputes.tsx"
import { Ladders } from "./panels/Ladders.tsx"
import { Observers } from "./panels/Observers.tsx"
import { Parties } from "./panels/Parties.tsx"
import { ProcessFigures } from "./panels/ProcessFigures.tsx"
import { Subsystems } from "./panels/Subsystems.tsx"
import { Summary, toneOf } from "./panels/Summary.tsx"
import { SupervisionFigures } from "./panels/SupervisionFigures.tsx"
import { type Tab, Tabs } from "./parts/Tabs.tsx"
import { duration } from "./parts/Words.ts"
import { ThemeButton } from "./parts/ThemeButton.tsx"

/** The name of a process in addresses. */
const idOf = (name: string) => name.replaceAll(" ", "-")

/** What the page of a devnet shows of one of its processes. */
const Part = ({ member: { kind, name, status } }: { readonly member: Member }) =>
  status === undefined ? null : kind === "supervisor" ? (
    <SupervisionFigures status={status} />
  ) : kind === "node" ? (
    <>
      <BlockStrip status={status} from={`status/blocks/${idOf(name)}`} of={name} />
      <Disputes status={status} of={name} />
    </>
  ) : null

const Panels = ({
  history,
  name,
  staleSeconds,
  status
}: {
  readonly status: Status
  readonly history: History
  readonly name: string
  readonly staleSeconds: number
}) => (
  <div class="panels">
    <Summary status={status} staleSeconds={staleSeconds} />
    <Buttons status={status} />
    <Ladders status={status} history={history} name={name} />
    <BlockStrip status={status} from={name === "self" ? "status/blocks" : `status/blocks/${idOf(name)}`} />
    {status.members?.map((member) => (
      <Part key={member.name} member={member} />
    ))}
    <SupervisionFigures status={status} />
    <Disputes status={status} />
    <Parties status={status} />
    <Observers status={status} history={history} name={name} />
    <Subsystems status={status} history={history} name={name} />
    <ProcessFigures status={status} history={history} name={name} />
  </div>
)

/** The name that the page chooses a process by. */
const overview = "all"

const wordOf = (tone: Tab["tone"], isUp: boolean) =>
  !isUp ? "does not answer" : tone === "good" ? "ready" : tone === "warn" ? "slow" : "not ready"

const tabsOf = (members: ReadonlyArray<Member>): ReadonlyArray<Tab> => {
  const each = members.map(({ isUp, name, status }): Tab => {
    const tone = isUp ? toneOf(status) : "bad"
    return { id: idOf(name), title: name, tone, word: wordOf(tone, isUp) }
  })
  const bad = each.filter(({ tone }) => tone === "bad").length
  const all: Tab = {
    id: overview,
    title: "devnet",
    tone: bad > 0 ? "bad" : "good",
    word: bad > 0 ? `${bad} of ${each.length} not well` : "all well"
  }
  return [all, ...each]
}

/** What the address of the page names. */
const useHash = () => {
  const [hash, setHash] = useState(() => location.hash.slice(1))
  useEffect(() => {
    const follow = () => setHash(location.hash.slice(1))
    addEventListener("hashchange", follow)
    return () => removeEventListener("hashchange", follow)
  }, [])
  return hash
}

const Body = ({
  history,
  staleSeconds,
  status
}: {
  readonly status: Status
  readonly history: History
  readonly staleSeconds: number
}) => {
  const hash = useHash()
  const { members } = status
  if (members === undefined)
    return <Panels status={status} history={history} name="self" staleSeconds={staleSeconds} />
  const tabs = tabsOf(members)
  const chosen = tabs.some(({ id }) => id === hash) ? hash : overview
  const member = members.find(({ name }) => idOf(name) === chosen)
  return (
    <>
      <Tabs tabs={tabs} chosen={chosen} choose={(id) => (location.hash = id)} />
      <div id="shown" role="tabpanel" aria-labelledby={`tab-${chosen}`} tabIndex={0}>
        {member === undefined ? (
          <Panels status={status} history={history} name="self" staleSeconds={staleSeconds} />
        ) : member.status === undefined ? (
          <section class="panel bad" data-panel="down">
            <h2>{member.name} does not answer</h2>
            <p>It is started again when its process has ended; started again so far: {member.restarts}.</p>
          </section>
        ) : (
          <Panels
            key={member.name}
            status={member.status}
            history={history}
            name={member.name}
            staleSeconds={staleSeconds}
          />
        )}
      </div>
    </>
  )
}

/** Everything. */
export const Page = () => {
  const { history, lostSince, status } = useConnection()
  useSecond()
  const staleSeconds = lostSince === undefined ? 0 : (performance.now() - lostSince) / 1000
  const title = status === undefined ? "ephor" : `${status.program.role} – ephor`
  useEffect(() => {
    document.title = title
  }, [title])
  return (
    <>
      <header class="top">
        <h1>
          <img src="./console.svg" alt="" width="22" height="22" /> ephor
        </h1>
        <ThemeButton />
      </header>
      <div role="status" aria-live="polite">
        {lostSince === undefined ? null : (
          <p class="banner" data-lost="true">
            The program was last heard of {duration(staleSeconds)} ago. Trying again.
          </p>
        )}
      </div>
      <main>
        {status === undefined ? (
          <p class="quiet">waiting for the first figures</p>
        ) : (
          <Body status={status} history={history} staleSeconds={staleSeconds} />
        )}
      </main>
    </>
  )
}
