/** One block in full, asked for when it is opened. */
import { useEffect, useState } from "preact/hooks"

/** As `GET /status/blocks/HASH` tells it. */
interface Details {
  readonly header: {
    readonly number: number
    readonly hash: string
    readonly parentHash: string
    readonly timestamp: number
    readonly l1origin: { readonly number: number; readonly hash: string }
  }
  readonly isInvalidated: boolean
  readonly receipts: number
  readonly logs: number
  readonly candidates: ReadonlyArray<{ readonly what: string; readonly hash: string; readonly para: number }>
  readonly commit?: {
    readonly index: number
    readonly digest: string
    readonly leader: { readonly round: number; readonly author: number }
    readonly blocks: number
  }
  readonly votes?: {
    readonly backing: number
    readonly disputes: ReadonlyArray<{ readonly candidate: string; readonly votes: number }>
  }
}

const ask = async (url: string): Promise<Details | string> => {
  try {
    const response = await fetch(url)
    return response.ok ? ((await response.json()) as Details) : await response.text()
  } catch {
    return "the program does not answer"
  }
}

const rowsOf = ({ candidates, commit, header, isInvalidated, logs, receipts, votes }: Details) => [
  ["hash", header.hash],
  ["parent", header.parentHash],
  ["made", new Date(header.timestamp * 1000).toLocaleString()],
  ["L1 origin", `${header.l1origin.number} ${header.l1origin.hash}`],
  ["receipts", `${receipts} with ${logs} logs`],
  [
    "candidates",
    candidates.length === 0
      ? "none"
      : candidates.map(({ hash, para, what }) => `${what} ${hash.slice(0, 10)} of ${para}`).join(", ")
  ],
  [
    "commit",
    commit === undefined
      ? "none"
      : `${commit.index} of ${commit.blocks} blocks, leader ${commit.leader.author} of round ${commit.leader.round}`
  ],
  [
    "votes",
    votes === undefined
      ? "unknown"
      : `${votes.backing} backing${votes.disputes.map(({ candidate, votes: n }) => `, ${n} about ${candidate.slice(0, 10)}`).join("")}`
  ],
  ...(isInvalidated ? [["verdict", "invalid"]] : [])
]

/** The card below the strip. */
export const BlockCard = ({
  close,
  hash,
  url
}: {
  readonly hash: string
  readonly url: string
  readonly close: () => void
}) => {
  const [told, setTold] = useState<Details | string>()
  useEffect(() => {
    let isThere = true
    setTold(undefined)
    const show = async () => {
      const answer = await ask(url)
      if (isThere) setTold(answer)
    }
    show().catch(() => undefined)
    return () => {
      isThere = false
    }
  }, [url])
  return (
    <div class="card" data-block={hash} aria-live="polite">
      <header>
        <h3>{typeof told === "object" ? `Block ${told.header.number}` : "Block"}</h3>
        <button type="button" onClick={close}>
          close
        </button>
      </header>
      {told === undefined ? (
        <p class="quiet">asking</p>
      ) : typeof told === "string" ? (
        <p>{told}</p>
      ) : (
        <dl>
          {rowsOf(told).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  )
}
