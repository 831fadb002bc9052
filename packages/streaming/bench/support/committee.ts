/** A committee of a hundred that makes rounds of real blocks on schedule, and `ephor-node observe` that takes them. */
import { Committee, DagBody } from "@ephor/chain"
import { DevAuthors } from "@ephor/devchain"
import { type CommittedSubDag, DagCommittee, Json } from "@ephor/types"
import { Effect, Layer, Result } from "effect"
import { spawn } from "node:child_process"
import { generateKeyPairSync, sign, verify } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { BlockSource, Publisher } from "../../src/index.ts"
import { type Running, serve } from "./publishers.ts"

interface Round {
  readonly blocks: ReadonlyArray<BlockSource.SourceBlock>
  readonly commit: CommittedSubDag
}

/** Rounds of a block of each author, which refers to all blocks before; each round commits. */
const roundsOf = (count: number, rounds: number) => {
  const authors = DevAuthors.developmentAuthors("bench", count)
  const committee = Committee.committeeOf(authors)
  let state = Committee.initial(committee)
  let tip: Committee.Committed | undefined
  const made = Array.from({ length: rounds }, (_, i): Round => {
    const votes = tip === undefined ? [] : [{ index: i, digest: tip.digest }]
    const transactions = new Map(authors.map((_, author) => [author, [new Uint8Array(512).fill(i & 0xff)]]))
    state = Committee.nextRound(state, authors, { timestampMs: (i + 1) * 75, transactions, votes })
    tip = Committee.commitUpon(state, tip, i + 1)
    const blocks = state.rounds.get(i + 1)!.map(({ bytes, ref }) => ({ bytes, ref }))
    state = Committee.prune(state, i - 1)
    return { blocks, commit: DagBody.committedSubDag(Result.getOrThrow(DagBody.subDagOf(tip.body))) }
  })
  return { committee, rounds: made }
}

/** Serves rounds that are published one by one. */
export const openCommittee = async ({
  authors,
  rounds
}: {
  readonly authors: number
  readonly rounds: number
}): Promise<Running & { readonly committee: string }> => {
  const made = roundsOf(authors, rounds)
  let next = 0
  let publish: Running["publish"] = () => {}
  const source = BlockSource.layerMemory(
    { committeeSize: authors, gcDepth: 60, maxCommits: 1000 },
    (memory) =>
      Effect.sync(() => {
        publish = () => {
          const round = made.rounds[next++]!
          Effect.runFork(Effect.andThen(memory.accept(round.blocks), memory.commit([round.commit])))
        }
      })
  )
  const running = await serve(Layer.provide(Publisher.layer(), source))
  const committee = Json.stringify(DagCommittee)(made.committee)
  return { ...running, committee, publish: (count) => publish(count) }
}

/** Processor time of a check of a signature in microseconds. */
export const signatureMicros = (): number => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  const message = new Uint8Array(35)
  const signature = sign(null, message, privateKey)
  const checks = 5000
  const before = process.cpuUsage()
  for (let i = 0; i < checks; i++) verify(null, message, publicKey, signature)
  const { system, user } = process.cpuUsage(before)
  return (system + user) / checks
}

const bin = fileURLToPath(new URL("../../../../apps/node/src/bin.ts", import.meta.url))
/** Clock ticks a second, in which Linux counts processor time. */
const ticks = 100

/** Seconds of processor time that a process has used. */
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) / ticks
}

/** The command as a process. */
export interface Observing {
  /** Seconds of processor time so far, and bytes of the file that it writes. */
  readonly used: () => { readonly cpuSeconds: number; readonly bytes: number }
  readonly stop: () => void
}

/** Starts `ephor-node observe --output blocks --file` at a publisher. */
export const observeBlocks = (port: number, committee: string): Observing => {
  const directory = mkdtempSync(join(tmpdir(), "ephor-bench-"))
  const [file, path] = [join(directory, "blocks.ndjson"), join(directory, "committee.json")]
  writeFileSync(path, committee)
  const child = spawn(
    process.execPath,
    [
      "--conditions=ephor-source",
      bin,
      "observe",
      "--from",
      `127.0.0.1:${port}`,
      "--committee",
      path,
      "--output",
      "blocks",
      "--file",
      file,
      "--log-format",
      "json",
      // By blocks, whoever else uses the machine: it is what costs most.
      "--start-commit-sync-lag",
      "1000000"
    ],
    { stdio: ["ignore", "ignore", "inherit"] }
  )
  return {
    used: () => ({
      cpuSeconds: cpuOf(child.pid!),
      bytes: statSync(file, { throwIfNoEntry: false })?.size ?? 0
    }),
    stop: () => {
      child.once("exit", () => rmSync(directory, { recursive: true, force: true }))
      child.kill("SIGKILL")
    }
  }
}
