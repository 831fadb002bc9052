/**
 * What a dispute coordinator can take among 500 validators. Prints one JSON row per measurement; `target` is what we want
 * of it. Run with `npm run bench -- disputes`, or `node --conditions=ephor-source bench/disputes.bench.ts`.
 *
 * Stores are `NodeStore`s in a directory of its own; everything else around the coordinator is scripted
 * (`support/rig.ts`). A provisioner asks all the time, as often as blocks of a busy chain would.
 */
import { Keystore } from "@ephor/keystore"
import * as NodeSignaturePool from "@ephor/keystore/NodeSignaturePool"
import type { SignedDisputeStatement } from "@ephor/overseer"
import { candidateHash, disputeStatementPayload, type Signature, type ValidatorId } from "@ephor/types"
import { Effect, Fiber, Redacted, References, Stream } from "effect"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { startNative } from "../../keystore/bench/support/native.ts"
import * as Rig from "./support/rig.ts"

const rounds = 5
/** Disputes whose votes are signed, and votes that one import has: what a batch of distribution gathers in a storm. */
const signedDisputes = 10
const votesPerImport = 50
/** Disputes that are open while blocks come, and blocks over which their votes are spread. */
const openDisputes = 50
const blocks = 10
const askEveryMs = 5

const directory = mkdtempSync(join(tmpdir(), "ephor-bench-"))
const pathOf = (name: string) => join(directory, name)
const round3 = (value: number) => Number(value.toPrecision(3))
const row = (fields: {
  readonly what: string
  readonly ours: number
  readonly unit: string
  readonly peer?: number
  readonly target?: number
}) => {
  const { ours, peer } = fields
  const compared = peer === undefined ? {} : { peer: round3(peer), ratio: round3(ours / peer) }
  return Effect.sync(() => console.log(JSON.stringify({ ...fields, ours: round3(ours), ...compared })))
}
const quantile = (values: ReadonlyArray<number>, q: number) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)]!
const median = (values: ReadonlyArray<number>) => quantile(values, 0.5)

/** Processor time of this thread in milliseconds. */
const threadCpuMs = () => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** How long answers took in milliseconds: by the clock, and what of it this thread has worked. */
interface Latencies {
  readonly wall: Array<number>
  readonly work: Array<number>
}

/** Asks as a provisioner does until the scope ends, and notes how long each answer took. */
const provisioner = (rig: Rig.Rig, latencies: Latencies) =>
  Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(askEveryMs)
      const start = performance.now()
      const cpu = threadCpuMs()
      yield* rig.provision
      latencies.wall.push(performance.now() - start)
      latencies.work.push(threadCpuMs() - cpu)
    }
  }).pipe(Effect.forkScoped)

const candidates = Array.from({ length: openDisputes }, (_, number) => Rig.receiptOf(number))

/** Votes of everybody about the candidates with real signatures, in the order in which they come: disputes side by side. */
const signAll = Effect.fnUntraced(function* (keystore: Keystore.Service) {
  const votes: Array<readonly [number, ReadonlyArray<SignedDisputeStatement>]> = []
  const indices = keystore.publicKeys.map((_, index) => index)
  for (const chunk of Rig.chunksOf(indices, votesPerImport)) {
    for (let number = 0; number < signedDisputes; number++) {
      const hash = candidateHash(candidates[number]!)
      const signed = yield* Effect.forEach(chunk, (validatorIndex) => {
        const statement = Rig.statementOf(validatorIndex)
        const validatorId = keystore.publicKeys[validatorIndex]!
        const payload = disputeStatementPayload(statement, hash, Rig.session)!
        return Effect.map(keystore.sign(validatorId, payload), (signature) => ({
          statement,
          validatorIndex,
          validatorId,
          signature
        }))
      })
      votes.push([number, signed])
    }
  }
  return votes
})
type Imports = Effect.Success<ReturnType<typeof signAll>>

/** Checks of all votes, some imports at a time, each followed by `then` when all of its votes are checked. */
const checkAll = (
  pool: NodeSignaturePool.Service,
  imports: Imports,
  then: (number: number, votes: ReadonlyArray<SignedDisputeStatement>) => Effect.Effect<unknown>
) =>
  Effect.forEach(
    imports,
    ([number, votes]) => {
      const hash = candidateHash(candidates[number]!)
      const checks = votes.map(({ signature, statement, validatorId }) => ({
        key: validatorId,
        payload: disputeStatementPayload(statement, hash, Rig.session)!,
        signature
      }))
      return pool
        .verifyAll(checks)
        .pipe(
          Effect.flatMap((valid) =>
            valid.every(Boolean) ? then(number, votes) : Effect.die(new Error("a signature is wrong"))
          )
        )
    },
    { concurrency: 20, discard: true }
  )

const perSecond = <E>(count: number, work: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* work
    return (count * 1000) / (performance.now() - start)
  })

const throughput = Effect.fnUntraced(function* (latencies: Latencies) {
  const keystore = yield* Keystore.Keystore
  const pool = yield* NodeSignaturePool.NodeSignaturePool
  const imports = yield* signAll(keystore)
  const count = signedDisputes * Rig.validatorCount
  const ours: Array<number> = []
  const peer: Array<number> = []
  const perProcessor: Array<number> = []
  const natively: Array<number> = []
  const native = startNative()
  const alone = perSecond(
    count,
    checkAll(pool, imports, () => Effect.void)
  )
  const whole = Effect.fnUntraced(function* (round: number) {
    const rig = yield* Rig.start(pathOf(`votes-${round}`), keystore.publicKeys)
    yield* rig.leaf(1, candidates)
    yield* provisioner(rig, latencies)
    const work = checkAll(pool, imports, (number, votes) => rig.import(candidates[number]!, votes))
    const before = process.cpuUsage()
    const rate = yield* perSecond(count, work)
    const { system, user } = process.cpuUsage(before)
    if (round >= 0) perProcessor.push((count * 1e6) / (system + user))
    return rate
  }, Effect.scoped)
  yield* alone
  yield* whole(-1)
  for (let round = 0; round < rounds; round++) {
    peer.push(yield* alone)
    ours.push(yield* whole(round))
    if (native !== undefined) natively.push((yield* Effect.promise(native.measure)).batch)
  }
  native?.close()
  yield* row({
    what: "votes: checked, imported, on disk; peer: checked",
    ours: median(ours),
    peer: median(peer),
    unit: "votes/s",
    target: 0.85
  })
  if (natively.length > 0)
    yield* row({
      what: "votes: checked, imported, on disk, by all threads; peer: native schnorrkel, batches of 64",
      ours: median(perProcessor),
      peer: median(natively),
      unit: "votes/s CPU",
      target: 0.4
    })
})

/** A signature that nobody checks: the coordinator is given checked votes. Bytes that do not compress. */
const signatureOf = (dispute: number, validator: number): Signature =>
  `0x${Buffer.from(`${dispute}/${validator}/`.padEnd(64, "signature")).toString("hex")}`

const votesOf = (
  dispute: number,
  validators: ReadonlyArray<ValidatorId>,
  from: number,
  to: number
): ReadonlyArray<SignedDisputeStatement> =>
  validators.slice(from, to).map((validatorId, at) => ({
    statement: Rig.statementOf(from + at),
    validatorIndex: from + at,
    validatorId,
    signature: signatureOf(dispute, from + at)
  }))

const perBlock = Effect.fnUntraced(function* (latencies: Latencies) {
  const { publicKeys: validators } = yield* Keystore.Keystore
  const costs: Array<number> = []
  const share = Rig.validatorCount / blocks
  const runRound = Effect.fnUntraced(function* (round: number) {
    const rig = yield* Rig.start(pathOf(`blocks-${round}`), validators)
    yield* provisioner(rig, latencies)
    for (let block = 0; block < blocks; block++) {
      const from = block * share
      const votes = candidates.map((_, i) => votesOf(i, validators, from, from + share))
      const cpu = threadCpuMs()
      yield* rig.leaf(block + 1, block === 0 ? candidates : [])
      yield* Effect.forEach(candidates, (candidate, i) => rig.import(candidate, votes[i]!), {
        concurrency: "unbounded",
        discard: true
      })
      if (round >= 0) costs.push(threadCpuMs() - cpu)
    }
  }, Effect.scoped)
  for (let round = -1; round < rounds; round++) yield* runRound(round)
  yield* row({
    what: `coordinator, a block with ${openDisputes} disputes and ${openDisputes * share} new votes`,
    ours: median(costs),
    unit: "ms CPU",
    target: 50
  })
})

const prunedSessions = 6
const prunedVotes = 100_000

const pruning = Effect.fnUntraced(function* (latencies: Latencies) {
  const { publicKeys: validators } = yield* Keystore.Keystore
  const rig = yield* Rig.start(pathOf("prune"), validators)
  const empty = statSync(join(pathOf("prune"), "data.mdb")).size
  const disputes = prunedVotes / Rig.validatorCount
  const sides = votesOf(0, validators, 0, Rig.validatorCount)
  for (let dispute = 0; dispute < disputes; dispute++) {
    const candidateReceipt = Rig.receiptOf(dispute)
    const session = dispute % prunedSessions
    const of = (side: "Valid" | "Invalid") => sides.filter(({ statement }) => statement._tag === side)
    yield* rig.db.commit({
      record: {
        session,
        candidateHash: candidateHash(candidateReceipt),
        votes: {
          candidateReceipt,
          valid: of("Valid").map((vote) => [
            { _tag: "Explicit" },
            vote.validatorIndex,
            signatureOf(dispute, vote.validatorIndex)
          ]),
          invalid: of("Invalid").map((vote) => [
            { _tag: "Explicit" },
            vote.validatorIndex,
            signatureOf(dispute, vote.validatorIndex)
          ])
        }
      },
      voters: sides.map(({ validatorId, validatorIndex }) => ({ session, validatorIndex, validatorId }))
    })
  }
  const bytes = yield* Stream.runFold(
    rig.store.iterate(new Uint8Array()),
    () => 0,
    (sum, { key, value }) => sum + key.length + value.length
  )
  const { size } = statSync(join(pathOf("prune"), "data.mdb"))
  yield* row({ what: "database, keys and values", ours: bytes / prunedVotes, unit: "bytes/vote" })
  yield* row({ what: "database, the file", ours: (size - empty) / prunedVotes, unit: "bytes/vote" })
  // Open disputes are asked for while the old ones go.
  yield* rig.leaf(1, candidates)
  yield* Effect.forEach(candidates, (candidate, i) => rig.import(candidate, votesOf(i, validators, 0, 100)), {
    discard: true
  })
  const asking = yield* provisioner(rig, latencies)
  const start = performance.now()
  yield* rig.db.prune(prunedSessions)
  yield* row({
    what: `prune ${prunedSessions} sessions with ${prunedVotes} votes`,
    ours: performance.now() - start,
    unit: "ms"
  })
  yield* Fiber.interrupt(asking)
}, Effect.scoped)

const report = Effect.fnUntraced(function* (what: string, { wall, work }: Latencies) {
  yield* row({
    what: `answer to the provisioner, p99, ${what}`,
    ours: quantile(wall, 0.99),
    unit: "ms",
    target: 5
  })
  yield* row({ what: "work of this thread until then, p99", ours: quantile(work, 0.99), unit: "ms CPU" })
})

const program = Effect.gen(function* () {
  const [votes, blocks, pruned] = Array.from({ length: 3 }, (): Latencies => ({ wall: [], work: [] }))
  yield* throughput(votes!)
  yield* report("while votes are checked and imported", votes!)
  yield* perBlock(blocks!)
  yield* report("while blocks come", blocks!)
  yield* pruning(pruned!)
  yield* report("while old sessions are pruned", pruned!)
})

const secrets = Array.from({ length: Rig.validatorCount }, (_, i) => Redacted.make(`//Bench//${i}`))
await Effect.runPromise(
  program.pipe(
    Effect.ensuring(Effect.sync(() => rmSync(directory, { recursive: true, force: true }))),
    Effect.provide([
      NodeSignaturePool.layer({ workers: availableParallelism() }),
      Keystore.layerSr25519({ secrets })
    ]),
    // Standard output is for the rows.
    Effect.provideService(References.MinimumLogLevel, "None")
  )
)
