/** What follows from a dispute, from the garbage of two malicious validators to what an operator reads of it. */
import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import { Disputes, Governance, VotesDb } from "@ephor/disputes"
import { Effect, References } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as DataDirectory from "../src/DataDirectory.ts"
import { eventually, freePort, run, start, temporary } from "./processes.ts"

/** Answers of the command line as JSON. */
const ask = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await run("node", [...args, "--json"])
  assert.strictEqual(code, 0, stderr)
  return JSON.parse(stdout)
}
const complaint = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await run("node", args)
  assert.strictEqual(code, 1, stdout)
  assert.strictEqual(stdout, "")
  assert.lengthOf(stderr.trim().split("\n"), 1, stderr)
  return stderr
}

const heads = ["localUnsafe", "crossUnsafe", "localSafe", "crossSafe", "finalized"] as const

describe("ephor-node disputes", () => {
  it("two malicious validators are found out, and what it costs them is read from every process", async () => {
    using folder = temporary()
    const committee = ["--processes", "--chains", "1", "--validators", "7", "--malicious", "2"]
    const options = ["--garbage-every", "1", "--duration", "0"]
    const devnet = start("node", ["devnet", "--json", "--data-dir", folder.path, ...committee, ...options])
    const dirs = [
      join(folder.path, "node-901"),
      ...[1, 2, 3, 4, 5, 6].map((at) => join(folder.path, `validator-901-${at}`))
    ]
    const admin = await eventually(
      "the devnet",
      async () => /chain 901: node .* admin (\S+)/.exec(devnet.output())?.[1]
    )
    const status = async () => (await fetch(`${admin}/status`)).json()
    await eventually("a verdict", async () => ((await status()).disputesConcluded > 0 ? true : undefined))
    const { slashes: first } = await eventually("slashes that are final", async () => {
      const found = await ask("disputes", "slashes", "--data-dir", dirs[0]!)
      return found.slashes.some(({ final }: { final: boolean }) => final) ? found : undefined
    })
    const { candidateHash } = first.find(({ final }: { final: boolean }) => final)
    const after = await status()
    assert.isAbove(after.reverts, 0)
    await eventually("all heads beyond what was taken back", async () => {
      const now = await status()
      return heads.every((head) => now[head] > after.localUnsafe) ? true : undefined
    })
    // While they run: each of the seven has concluded and taken the block back, and tells the same slashes.
    const expected = [5, 6].map((validatorIndex) => [validatorIndex, "ForInvalidBacked", 1_000_000_000, true])
    const check = async (dataDir: string) => {
      const { candidates, slashes } = await ask("disputes", "show", candidateHash, "--data-dir", dataDir)
      const [report] = candidates
      assert.strictEqual(report.status, "ConcludedAgainst", dataDir)
      assert.isAbove(report.including.length, 0)
      for (const { canonical } of report.including) assert.isFalse(canonical, dataDir)
      const votes = (side: string) =>
        report.votes.flatMap((vote: any) => (vote.side === side ? [vote.validatorIndex] : []))
      assert.deepStrictEqual(votes("valid").sort(), [5, 6])
      assert.includeMembers([0, 1, 2, 3, 4], votes("invalid"))
      assert.isAtLeast(votes("invalid").length, 5)
      assert.deepStrictEqual(
        slashes.map((slash: any) => [slash.validatorIndex, slash.kind, slash.fractionPerbill, slash.final]),
        expected,
        dataDir
      )
    }
    for (const dataDir of dirs) await check(dataDir)
    // Other processes know what the two voted about, and keep the candidate with its proof.
    const { validatorId: key } = first.find((slash: any) => slash.candidateHash === candidateHash)
    const of = ["--validator", key, "--data-dir", dirs[1]!]
    assert.include((await ask("disputes", "hashes", ...of)).candidates, candidateHash)
    await eventually("the proof of the candidate", async () => {
      const { povs } = await ask("disputes", "povs", ...of)
      return povs.some((one: any) => one.candidateHash === candidateHash && one.pov !== null) || undefined
    })
    await eventually("gossip of others", async () =>
      (await status()).registeredVotes > 0 ? true : undefined
    )
    assert.isAbove((await status()).snapshots, 0)
    const nobody = ["disputes", "hashes", "--validator", "5", "--data-dir", dirs[1]!]
    assert.include(await complaint(...nobody), "give --session, or a key")
    devnet.kill("SIGINT")
    await devnet.ended
    // After they were stopped.
    for (const dataDir of [dirs[0]!, dirs[6]!]) {
      await check(dataDir)
      const { validatorId } = first[0]
      const found = await ask("disputes", "slashes", "--data-dir", dataDir, "--validator", validatorId)
      assert.includeMembers(
        found.slashes.map((slash: any) => slash.candidateHash),
        [candidateHash]
      )
      assert.isTrue(found.slashes.every((slash: any) => slash.validatorId === validatorId))
    }
    assert.include(
      await complaint("disputes", "list", "--data-dir", folder.path),
      "belongs to a devnet of several nodes: give --data-dir"
    )
  }, 240_000)
})

const A = `0x${"0a".repeat(32)}` as const
const B = `0x${"0b".repeat(32)}` as const
const block = { hash: B, number: 7, parentHash: A, timestamp: 0 }
const conclusion: Disputes.DisputeConclusion = {
  session: 3,
  candidateHash: A,
  candidate: {
    descriptor: {
      _tag: "V1",
      paraId: 2000,
      relayParent: A,
      collator: A,
      persistedValidationDataHash: A,
      povHash: A,
      erasureRoot: A,
      signature: `0x${"0c".repeat(64)}`,
      paraHead: A,
      validationCodeHash: A
    },
    commitmentsHash: A
  },
  valid: false,
  including: [block]
}

/** Writes into a data directory as its node would. */
const write = (dataDir: string, use: (store: Store.Service) => Effect.Effect<unknown, unknown>) =>
  Store.Store.pipe(
    Effect.flatMap(use),
    Effect.provide(NodeStore.layer({ path: join(dataDir, "store"), contents: DataDirectory.node })),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.runPromise
  )
const validator = (store: Store.Service, index: number) => Store.prefixed(store, `validator/${index}/`)
const freeze = (indices: ReadonlyArray<number>) => (store: Store.Service) =>
  Effect.scoped(
    Effect.gen(function* () {
      for (const index of indices) {
        const { freeze } = yield* Effect.provideService(Governance.make, Store.Store, validator(store, index))
        yield* freeze(conclusion, block)
      }
    })
  )

describe("ephor-node governance", () => {
  it("shows and ends governance mode of a node that is stopped, and of one that runs", async () => {
    using folder = temporary()
    const at = ["--data-dir", folder.path]
    await write(folder.path, freeze([0, 10]))
    const frozen = async () =>
      (await ask("governance", "status", ...at)).validators.map((row: any) => [row.validator, row.frozen])
    assert.deepStrictEqual(await frozen(), [
      [0, true],
      [10, true]
    ])
    assert.deepStrictEqual(await ask("governance", "unfreeze", ...at, "--validator-store", "10"), {
      validators: [{ validator: 10, wasFrozen: true }]
    })
    assert.deepStrictEqual(await frozen(), [
      [0, true],
      [10, false]
    ])

    const port = await freePort()
    const ports = ["--interop-port", "0", "--stream-port", "0", "--admin-port", String(port)]
    const node = start("node", ["run", "--dev", ...at, ...ports])
    const rpc = ["--rpc", `http://127.0.0.1:${port}`]
    await eventually("the node", async () => (await fetch(`${rpc[1]}/healthz`)).ok || undefined)
    const refused = await complaint("governance", "unfreeze", ...at)
    assert.include(refused, "it is in use by process")
    assert.include(refused, "give --rpc with the URL of its admin endpoint")
    const other = join(folder.path, "other.hex")
    writeFileSync(other, "11".repeat(32))
    const stranger = await complaint("governance", "unfreeze", ...at, ...rpc, "--jwt-secret", other)
    assert.include(stranger, "unauthorized: signature is invalid")
    const unknown = await complaint("governance", "unfreeze", ...at, ...rpc, "--validator-store", "9")
    assert.include(unknown, "this node runs validator 0, 1, 2, 3")
    assert.deepStrictEqual((await frozen())[0], [0, true])
    const { validators } = await ask("governance", "unfreeze", ...at, ...rpc)
    assert.deepStrictEqual(
      validators.map((row: any) => row.wasFrozen),
      [true, false, false, false]
    )
    assert.deepStrictEqual((await frozen())[0], [0, false])
    node.kill("SIGINT")
    await node.ended
    assert.deepStrictEqual((await frozen())[0], [0, false])
  }, 120_000)

  it("stops candidates and finality of a node, and says so, until people have decided", async () => {
    using folder = temporary()
    const at = ["--data-dir", folder.path]
    await write(folder.path, freeze([0, 1, 2, 3]))
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const status = async () => (await fetch(`${url}/status`)).json()
    const readiness = async () => {
      const answer = await fetch(`${url}/readyz`)
      return { code: answer.status, text: await answer.text() }
    }
    const gauge = async () =>
      /^disputes_governance_mode(?:\{[^}]*\})? (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]
    const ports = ["--interop-port", "0", "--stream-port", "0", "--admin-port", String(port)]
    const command = `ephor-node governance unfreeze --data-dir ${folder.path} --rpc ${url}`
    const begin = () => start("node", ["run", "--dev", ...at, ...ports])
    const frozen = begin()
    // Finality by depth would have come: it follows its head by eight blocks.
    const before = await eventually("blocks", async () => {
      const figures = await status()
      return figures.localUnsafe >= 12 ? figures : undefined
    })
    assert.deepStrictEqual(
      [before.finalized, before.candidatesIncluded, before.governance.frozen, before.governance.endedBy],
      [0, 0, true, command]
    )
    assert.include(before.governance.why, `candidate ${A} was found invalid after block 7 was final`)
    assert.isAtLeast(before.finalityWaited, 1)
    const { code, text } = await readiness()
    assert.strictEqual(code, 503)
    assert.include(text, command)
    assert.strictEqual(await gauge(), "4")
    assert.include(frozen.output(), "nothing becomes final until people have decided")
    frozen.kill("SIGKILL")
    await frozen.ended
    const again = begin()
    await eventually("the restarted node", async () =>
      (await status()).localUnsafe > before.localUnsafe ? true : undefined
    )
    assert.strictEqual((await status()).finalized, 0)
    await ask("governance", "unfreeze", ...at, "--rpc", url)
    await eventually("candidates and finality", async () => {
      const { candidatesIncluded, finalized, governance } = await status()
      return candidatesIncluded > 0 && finalized > 0 && !governance.frozen ? true : undefined
    })
    assert.strictEqual((await readiness()).code, 200)
    assert.strictEqual(await gauge(), "0")
    again.kill("SIGINT")
    await again.ended
    const [{ decided }] = (await ask("governance", "status", ...at)).validators
    assert.deepStrictEqual(
      decided.map((decision: any) => [decision.session, decision.candidateHash]),
      [[3, A]]
    )
  }, 180_000)

  it("names what is missing and what is damaged", async () => {
    using folder = temporary()
    const empty = join(folder.path, "empty")
    mkdirSync(empty)
    const gone = join(folder.path, "gone")
    const dataDir = join(folder.path, "damaged")
    await write(dataDir, (store) =>
      validator(store, 1).batch([Store.put(VotesDb.candidateVotesKey(3, A), Uint8Array.of(1, 2, 3))])
    )
    const complaints: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
      ["there is no store in it", ["disputes", "list", "--data-dir", empty]],
      ["does not exist: correct --data-dir", ["governance", "status", "--data-dir", gone]],
      [
        `the record at candidate-votes of session 3, candidate ${A} is corrupt`,
        ["disputes", "votes", "--data-dir", dataDir]
      ],
      ["give --validator-store 1", ["disputes", "votes", "--data-dir", dataDir, "--validator-store", "0"]],
      ["holds no chain with validators", ["disputes", "slashes", "--data-dir", dataDir]],
      ["validator 1 keeps no votes", ["disputes", "show", B, "--data-dir", dataDir]],
      ['"0x12" is no hash of a candidate', ["disputes", "show", "0x12", "--data-dir", dataDir]],
      ["4 validators outvote at most 1 malicious ones", ["devnet", "--malicious", "2", "--data-dir", gone]]
    ]
    // A second command at the same time keeps both cores of a small machine at work.
    for (const pair of [0, 2, 4, 6].map((at) => complaints.slice(at, at + 2))) {
      await Promise.all(
        pair.map(async ([expected, args]) => assert.include(await complaint(...args), expected))
      )
    }
  }, 60_000)
})
