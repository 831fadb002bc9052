/**
 * Verifies the archive of a relay, and says what is in it.
 */
import * as NodeArchive from "@ephor/streaming/NodeArchive"
import { Console, Effect } from "effect"
import { readCommittee, verifier } from "./Committee.ts"

/** Which archive, and how it is told. */
export interface Given {
  readonly directory: string
  readonly committee: string | undefined
  readonly json: boolean
}

const sentence = ({
  blocks,
  bytes,
  certified,
  first,
  last,
  segments,
  signatures
}: NodeArchive.Report): string => {
  const whole = `commits ${first} to ${last.index} (${last.digest}) in ${segments} segments, ${blocks} blocks, ${bytes} bytes: whole`
  return certified === undefined
    ? `${whole}; signatures were not checked (--committee FILE)`
    : `${whole}; ${signatures} signatures hold, votes certify the commits up to ${certified}`
}

/** Reads all of an archive; fails with the first thing that is wrong. */
export const verify = Effect.fn("archive.verify")(function* ({ committee, directory, json }: Given) {
  const trusted = committee === undefined ? undefined : yield* readCommittee(committee)
  const report = yield* Effect.provide(NodeArchive.verify(directory), verifier(trusted))
  yield* Console.log(json ? JSON.stringify(report) : sentence(report))
})
