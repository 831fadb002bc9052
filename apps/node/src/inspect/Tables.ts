/**
 * What was found, as tables for people.
 */
import type { CandidateReport, DisputeRow, PovRow, Slashes, VoteRow } from "./DisputeRecords.ts"

/** Columns of text, each as wide as its longest cell; the last one is not padded. */
export const columns = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): ReadonlyArray<string> => {
  const widths = head.map((title, at) =>
    rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), title.length)
  )
  return [head, ...rows].map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd()
  )
}

const time = (seconds: number | null): string =>
  seconds === null ? "-" : new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000Z", "")

/** Disputes. */
export const disputes = (rows: ReadonlyArray<DisputeRow>): ReadonlyArray<string> =>
  rows.length === 0
    ? ["no disputes"]
    : columns(
        ["session", "candidate", "status", "valid", "invalid", "concluded (UTC)"],
        rows.map(({ candidateHash, concludedAt, invalid, session, status, valid }) => [
          String(session),
          candidateHash,
          status,
          String(valid),
          String(invalid),
          time(concludedAt)
        ])
      )

/** Votes; those about one candidate need not name it. */
export const votes = (rows: ReadonlyArray<VoteRow>, ofOne = false): ReadonlyArray<string> =>
  rows.length === 0
    ? ["no votes"]
    : columns(
        [...(ofOne ? [] : ["session", "candidate"]), "validator", "side", "kind", "key"],
        rows.map(({ candidateHash, kind, session, side, validatorId, validatorIndex }) => [
          ...(ofOne ? [] : [String(session), candidateHash]),
          String(validatorIndex),
          side,
          kind,
          validatorId ?? "-"
        ])
      )

/** Disputed candidates, and how long their proofs are. */
export const povs = (rows: ReadonlyArray<PovRow>): ReadonlyArray<string> =>
  rows.length === 0
    ? ["no disputed candidates"]
    : columns(
        ["session", "candidate", "para", "proof"],
        rows.map(({ candidateHash, para, pov, session }) => [
          String(session),
          candidateHash,
          String(para),
          pov === null ? "not recovered" : `${(pov.length - 2) / 2} bytes`
        ])
      )

const percent = (perbill: number): string => `${perbill / 10_000_000} %`

/** Slashes, with the block at which they were read. */
export const slashes = (found: Slashes): ReadonlyArray<string> => [
  ...(found.slashes.length === 0
    ? ["no slashes"]
    : columns(
        ["session", "candidate", "validator", "kind", "part", "block", "final", "key"],
        found.slashes.map((slash) => [
          String(slash.session),
          slash.candidateHash,
          String(slash.validatorIndex),
          slash.kind,
          percent(slash.fractionPerbill),
          String(slash.blockNumber),
          slash.final ? "yes" : "no",
          slash.validatorId
        ])
      )),
  `at block ${found.head.number} (${found.head.hash}), finalized ${found.finalized.number}`
]

/** A candidate with all that is known about it. */
export const candidate = (report: CandidateReport, found: Slashes | undefined): ReadonlyArray<string> => [
  ...Object.entries({
    candidate: report.candidateHash,
    session: report.session,
    parachain: report.paraId,
    "relay parent": report.relayParent,
    status: report.status,
    "concluded (UTC)": time(report.concludedAt)
  }).map(([name, value]) => `${`${name}:`.padEnd(17)}${value}`),
  ...report.including.map(
    ({ canonical, hash, number }) =>
      `${"included in:".padEnd(17)}block ${number} ${hash}${
        canonical === null ? ", which was pruned" : canonical ? "" : ", which is off the chain"
      }`
  ),
  "",
  ...votes(report.votes, true),
  "",
  ...(found === undefined ? ["no chain to read slashes from"] : slashes(found))
]
