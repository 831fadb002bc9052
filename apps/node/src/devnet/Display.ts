/**
 * A devnet on the terminal: a table that is drawn again in place, or plain lines where there is no terminal.
 */
import type { ChainStatus, ObserverStatus, Snapshot } from "./Report.ts"

type Column = readonly [title: string, cell: (chain: ChainStatus) => number]

const columns: ReadonlyArray<Column> = [
  ["unsafe", (chain) => chain.localUnsafe],
  ["cross-unsafe", (chain) => chain.crossUnsafe],
  ["local-safe", (chain) => chain.localSafe],
  ["cross-safe", (chain) => chain.crossSafe],
  ["finalized", (chain) => chain.finalized],
  ["included", (chain) => chain.candidatesIncluded],
  ["disputes", (chain) => chain.disputesConcluded],
  ["reverts", (chain) => chain.reverts],
  ["replaced", (chain) => chain.replacedBlocks],
  ["slashes", (chain) => chain.slashesApplied],
  ["rewards", (chain) => chain.rewardsPaid],
  ["disabled", (chain) => chain.validatorsDisabled],
  ["waited", (chain) => chain.finalityWaited]
]

/** What there is no room for on a screen of 24 lines. */
const deeds: ReadonlyArray<Column> = [
  ["seconded", (chain) => chain.secondedStatements],
  ["valid", (chain) => chain.validStatements],
  ["fetched", (chain) => chain.fetchedProofs]
]

/** What chains wait for that only people can end. */
const standstills = ({ chains }: Snapshot): ReadonlyArray<string> =>
  chains.flatMap(({ chainId, governance }) =>
    governance.frozen
      ? [
          `chain ${chainId} waits for people: ${governance.why}; once they have decided: ${governance.endedBy}`
        ]
      : []
  )

/** One plain line for logs and pipes. */
export const line = (seconds: number, snapshot: Snapshot): string =>
  [
    `${String(seconds).padStart(4)}s`,
    ...snapshot.chains.map(
      (chain) =>
        `${chain.chainId}: ${[...columns, ...deeds].map(([title, cell]) => `${title} ${cell(chain)}`).join(" ")}`
    ),
    ...snapshot.observers.map(
      (observer) =>
        `observer ${observer.chainId}: ${observer.mode} commits ${observer.commits} lag ${observer.lag}`
    ),
    ...standstills(snapshot),
    snapshot.supervisor === undefined
      ? "supervisor: no answer"
      : `supervisor: messages ${snapshot.supervisor.executingMessages} invalidated ${snapshot.supervisor.invalidatedBlocks}`
  ].join(" | ")

/** The screen that the table is drawn on. */
export interface Screen {
  readonly columns: number
  readonly rows: number
}

/** What a terminal that does not tell its size is taken for. */
export const standard: Screen = { columns: 80, rows: 24 }

const modes: { readonly [Mode in ObserverStatus["mode"]]: string } = {
  BlocksOnly: "blocks",
  CommitsOnly: "commits",
  Overlap: "both"
}

const observed: ReadonlyArray<readonly [title: string, cell: (observer: ObserverStatus) => string]> = [
  ["observed by", ({ mode }) => modes[mode]],
  ["commits", ({ commits }) => String(commits)],
  ["lag", ({ lag }) => String(lag)],
  ["verified", ({ verified }) => (verified ? "yes" : "no")]
]

/** A row for each figure, a column for each chain. */
const rowsOf = ({ chains, observers }: Snapshot): ReadonlyArray<ReadonlyArray<string>> => [
  ["chain", ...chains.map(({ chainId }) => chainId)],
  ...columns.map(([title, cell]) => [title, ...chains.map((chain) => String(cell(chain)))]),
  ...observed.map(([title, cell]) => [
    title,
    ...chains.map(({ chainId }) => {
      const observer = observers.find((one) => one.chainId === chainId)
      return observer === undefined ? "-" : cell(observer)
    })
  ])
]

/** A line that does not reach beyond the screen, where it would break and tear the table. */
const clipped = (line: string, width: number): string =>
  line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`

/** The table, a line per element, to be drawn over the one before: no wider than the screen, and no higher. */
export const table = (
  title: string,
  seconds: number,
  snapshot: Snapshot,
  notes: ReadonlyArray<string>,
  screen: Screen = standard
): ReadonlyArray<string> => {
  const above = [`${title}   ${seconds} s`, ...grid(rowsOf(snapshot), screen.columns), ""]
  const { supervisor } = snapshot
  const below = [
    supervisor === undefined
      ? "supervisor does not answer"
      : `supervisor: ${supervisor.executingMessages} messages, ${supervisor.invalidatedBlocks} invalid blocks`,
    ...standstills(snapshot)
  ]
  const last = "Ctrl-C stops everything"
  // The cursor stands below the last line.
  const room = Math.max(0, screen.rows - 2 - above.length - below.length)
  const newest = room === 0 ? [] : notes.slice(-room)
  return [...above, ...below, ...newest, last]
    .slice(0, Math.max(1, screen.rows - 1))
    .map((line) => clipped(line, screen.columns))
}

/** Columns as wide as their widest cell, all of them alike but the first; closer together where there is little room. */
const grid = (rows: ReadonlyArray<ReadonlyArray<string>>, width: number): ReadonlyArray<string> => {
  const first = Math.max(...rows.map(([title = ""]) => title.length))
  const other = Math.max(...rows.flatMap(([, ...cells]) => cells.map((cell) => cell.length)), 0)
  const chains = (rows[0]?.length ?? 1) - 1
  const gap = first + chains * (other + 2) <= width ? "  " : " "
  return rows.map(([title = "", ...cells]) =>
    [title.padEnd(first), ...cells.map((cell) => cell.padStart(other))].join(gap)
  )
}

/** Moves the cursor back over `lines` drawn before and clears to the end of the screen. */
export const redraw = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\u001b[0J`)
