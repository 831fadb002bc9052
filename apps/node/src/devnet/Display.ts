/**
 * A devnet on the terminal: a table that is drawn again in place, or plain lines where there is no terminal.
 */
import type { ChainStatus, Snapshot } from "./Report.ts"

const columns: ReadonlyArray<readonly [title: string, cell: (chain: ChainStatus) => number]> = [
  ["unsafe", (chain) => chain.localUnsafe],
  ["cross-unsafe", (chain) => chain.crossUnsafe],
  ["local-safe", (chain) => chain.localSafe],
  ["cross-safe", (chain) => chain.crossSafe],
  ["finalized", (chain) => chain.finalized],
  ["seconded", (chain) => chain.secondedStatements],
  ["valid", (chain) => chain.validStatements],
  ["fetched", (chain) => chain.fetchedProofs],
  ["included", (chain) => chain.candidatesIncluded],
  ["disputes", (chain) => chain.disputesConcluded],
  ["reverts", (chain) => chain.reverts],
  ["replaced", (chain) => chain.replacedBlocks]
]

/** One plain line for logs and pipes. */
export const line = (seconds: number, snapshot: Snapshot): string =>
  [
    `${String(seconds).padStart(4)}s`,
    ...snapshot.chains.map(
      (chain) => `${chain.chainId}: ${columns.map(([title, cell]) => `${title} ${cell(chain)}`).join(" ")}`
    ),
    ...snapshot.observers.map(
      (observer) =>
        `observer ${observer.chainId}: ${observer.mode} commits ${observer.commits} lag ${observer.lag}`
    ),
    snapshot.supervisor === undefined
      ? "supervisor: no answer"
      : `supervisor: messages ${snapshot.supervisor.executingMessages} invalidated ${snapshot.supervisor.invalidatedBlocks}`
  ].join(" | ")

/** The table, a line per element, to be drawn over the one before. */
export const table = (
  title: string,
  seconds: number,
  snapshot: Snapshot,
  notes: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const head = ["chain", ...columns.map(([name]) => name)]
  const rows = snapshot.chains.map((chain) => [
    chain.chainId,
    ...columns.map(([, cell]) => String(cell(chain)))
  ])
  const observerHead = ["observer", "mode", "commits", "blocks", "lag", "verified"]
  const observers = snapshot.observers.map((o) => [
    o.chainId,
    o.mode,
    String(o.commits),
    String(o.blocks),
    String(o.lag),
    o.verified ? "yes" : "no"
  ])
  return [
    `${title}   ${seconds} s`,
    "",
    ...grid([head, ...rows]),
    "",
    ...grid([observerHead, ...observers]),
    "",
    snapshot.supervisor === undefined
      ? "supervisor does not answer"
      : `supervisor  executing messages ${snapshot.supervisor.executingMessages}  invalidated blocks ${snapshot.supervisor.invalidatedBlocks}`,
    "",
    ...notes,
    "Ctrl-C stops everything"
  ]
}

const grid = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")
  )
}

/** Moves the cursor back over `lines` drawn before and clears to the end of the screen. */
export const redraw = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\u001b[0J`)
