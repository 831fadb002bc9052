/**
 * What `observe` prints of a commit. Whatever stands before it, the last line of a commit is the commit itself, so that
 * a reader, and `observe` that goes on after a crash, know where one ends.
 */
import type { CommitDeriver } from "@ephor/streaming"
import { toHex } from "@ephor/types"
import type { Decoder } from "./Decoder.ts"

/** What is printed: commits alone, or their blocks or transactions before each. */
export const kinds = ["commits", "blocks", "transactions"] as const
/** One of these. */
export type Kind = (typeof kinds)[number]

type Commit = CommitDeriver.ObservedCommit
type Block = Commit["blocks"][number]

/** One line of JSON for a commit. */
export const commitLine = ({ blocks, digest, index, leader, timestampMs }: Commit): string =>
  JSON.stringify({ index, digest, leader, timestampMs, blocks: blocks.length })

/** One line for people. */
export const textLine = ({ blocks, digest, index }: Commit): string =>
  `commit ${index} ${digest ?? "unverified"} blocks ${blocks.length}`

/** One line for a signature of randomness that came before a commit. */
export const randomnessLine = (commit: number, signature: Uint8Array): string =>
  JSON.stringify({ commit, randomness: toHex(signature) })

const blockLine = (commit: Commit, { block, bytes, ref }: Block): string => {
  const head = JSON.stringify({
    commit: commit.index,
    block: ref,
    timestampMs: block.value.timestampMs,
    transactions: block.value.transactions.length
  })
  // The bytes are most of the line, and nothing in them needs an escape.
  return `${head.slice(0, -1)},"bytes":"${toHex(bytes)}"}`
}

const transactionLines = (commit: Commit, { block, ref }: Block, decode: Decoder): ReadonlyArray<string> =>
  block.value.transactions.map((transaction, at) =>
    JSON.stringify({ commit: commit.index, block: ref, transaction: at, ...decode(transaction) })
  )

/** The lines of a commit, the commit itself last. */
export const linesOf =
  (kind: Kind, decode: Decoder) =>
  (commit: Commit): ReadonlyArray<string> => {
    switch (kind) {
      case "commits":
        return [commitLine(commit)]
      case "blocks":
        return [...commit.blocks.map((block) => blockLine(commit, block)), commitLine(commit)]
      case "transactions":
        return [
          ...commit.blocks.flatMap((block) => transactionLines(commit, block, decode)),
          commitLine(commit)
        ]
    }
  }
