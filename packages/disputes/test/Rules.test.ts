/** The pure rules against the scenarios restated from polkadot-sdk and the seeds. */
import { assert, describe, it } from "@effect/vitest"
import type { CandidateHash, CandidateReceipt, DisputeStatement, DisputeStatus, Hash } from "@ephor/types"
import * as CandidateVotes from "../src/CandidateVotes.ts"
import {
  AncientSession,
  DisputeError,
  InvalidSignature,
  Spam,
  UnknownCandidate,
  UnknownSession
} from "../src/DisputeError.ts"
import * as DisputeDistribution from "../src/DisputeDistribution.ts"
import * as DisputeParticipation from "../src/DisputeParticipation.ts"
import * as Status from "../src/DisputeStatus.ts"
import { OffchainDisabled } from "../src/OffchainDisabled.ts"
import { ParticipationQueue } from "../src/ParticipationQueue.ts"
import { isAncient } from "../src/SessionWindow.ts"
import { SpamSlots } from "../src/SpamSlots.ts"
import { byzantine, confirmation, supermajority } from "../src/Thresholds.ts"
import { determine } from "../src/UndisputedChain.ts"
import states from "./vectors/13-dispute-state.json" with { type: "json" }
import scenarios from "./vectors/14-scenarios.json" with { type: "json" }
import thresholds from "./vectors/10-thresholds.json" with { type: "json" }

const signature = `0x${"11".repeat(64)}` as const
const hashOf = (name: string): Hash => `0x${Buffer.from(name).toString("hex").padStart(64, "0")}`
const invalid: DisputeStatement = { _tag: "Invalid", value: { _tag: "Explicit" } }
const statement = (name: string): DisputeStatement => {
  if (name === "Invalid.Explicit") return invalid
  const kind = name.replace("Valid.", "")
  return kind === "BackingSeconded" || kind === "BackingValid"
    ? { _tag: "Valid", value: { _tag: kind, value: hashOf("parent") } }
    : { _tag: "Valid", value: { _tag: "Explicit" } }
}
const votesOf = (valid: ReadonlyArray<number>, against: ReadonlyArray<number>) => {
  let sides = CandidateVotes.none
  for (const index of valid)
    sides = CandidateVotes.add(sides, statement("Valid.BackingValid"), index, signature).sides
  for (const index of against) sides = CandidateVotes.add(sides, invalid, index, signature).sides
  return sides
}
const statusOf = (text: string | Record<string, number>): DisputeStatus => {
  if (typeof text !== "string") {
    const [tag, value] = Object.entries(text)[0]!
    return { _tag: tag as "ConcludedFor" | "ConcludedAgainst", value }
  }
  const match = /^(\w+)(?:\((\d+)\))?$/.exec(text)!
  return (
    match[2] === undefined ? { _tag: match[1] } : { _tag: match[1], value: Number(match[2]) }
  ) as DisputeStatus
}

describe("thresholds", () => {
  for (const row of thresholds.table) {
    it(`n = ${row.n}`, () => {
      assert.deepStrictEqual(
        [byzantine(row.n), supermajority(row.n), confirmation(row.n)],
        [row.byzantine, row.supermajority, row.confirm_min]
      )
    })
  }
})

describe("assess", () => {
  for (const row of states.cases) {
    it(row.name, () => {
      const found = CandidateVotes.assess(votesOf(row.valid, row.invalid), row.n, new Set(row.disabled))
      assert.deepStrictEqual(
        {
          disputed: found.disputed,
          confirmed: found.confirmed,
          concluded_for: found.concludedFor,
          concluded_against: found.concludedAgainst,
          byzantine_against: found.byzantineAgainst
        },
        {
          disputed: row.expect.disputed,
          confirmed: row.expect.confirmed,
          concluded_for: row.expect.concluded_for,
          concluded_against: row.expect.concluded_against,
          byzantine_against: row.expect.byzantine_against
        }
      )
    })
  }
})

describe("status", () => {
  for (const row of scenarios.status_algebra) {
    it(`${row.from} ${row.op}`, () => {
      const [op, at] = row.op.split("@")
      const from = statusOf(row.from)
      const to =
        op === "confirm"
          ? Status.confirm(from)
          : op === "conclude_for"
            ? Status.concludeFor(from, Number(at))
            : Status.concludeAgainst(from, Number(at))
      assert.deepStrictEqual(to, statusOf(row.to))
    })
  }
  it("concluded against overrides for, with the smaller time", () => {
    assert.deepStrictEqual(Status.concludeAgainst({ _tag: "ConcludedFor", value: 5 }, 9), {
      _tag: "ConcludedAgainst",
      value: 5
    })
    assert.deepStrictEqual(Status.concludeFor({ _tag: "ConcludedAgainst", value: 5 }, 1), {
      _tag: "ConcludedAgainst",
      value: 5
    })
  })
  it("a verdict that turns has its own time; one that holds keeps it (today's coordinator computes the status anew)", () => {
    const assessment = (valid: number, invalid: number) =>
      CandidateVotes.assess(
        votesOf(
          Array.from({ length: valid }, (_, i) => i),
          Array.from({ length: invalid }, (_, i) => i)
        ),
        4,
        new Set()
      )
    const before = CandidateVotes.statusAfter(undefined, assessment(3, 1), 100)
    assert.deepStrictEqual(before, { _tag: "ConcludedFor", value: 100 })
    const turned = CandidateVotes.statusAfter(before, assessment(3, 3), 500)
    assert.deepStrictEqual(turned, { _tag: "ConcludedAgainst", value: 500 })
    assert.isFalse(Status.isInactive(turned!, 500))
    assert.deepStrictEqual(CandidateVotes.statusAfter(turned, assessment(4, 3), 600), turned)
  })
  scenarios.inactivity.cases.forEach((row, i) =>
    it(`inactivity row ${i}`, () => {
      const status: unknown = row.status
      assert.strictEqual(Status.isInactive(statusOf(status as string), row.now), row.inactive)
    })
  )
})

describe("import (seed)", () => {
  for (const row of scenarios.dispute_import_seed3.filter((r) => "import" in r)) {
    it(row.name, () => {
      let sides = CandidateVotes.none
      const fresh: Array<number> = []
      row.import!.forEach(([name, , index], i) => {
        const result = CandidateVotes.importSeed(sides, statement(name as string), index as number, signature)
        sides = result.sides
        if (result.freshlyDisputed) fresh.push(i)
      })
      if (row.freshly_disputed_at !== undefined) assert.deepStrictEqual(fresh, [row.freshly_disputed_at])
      if (row.participation_requests !== undefined)
        assert.strictEqual(fresh.length, row.participation_requests)
      if (row.valid_count !== undefined) assert.strictEqual(sides.valid.length, row.valid_count)
    })
  }
  it("a valid vote arriving first on the second side also opens it", () => {
    assert.isTrue(
      CandidateVotes.importSeed(votesOf([], [1]), statement("Valid.BackingValid"), 3, signature)
        .freshlyDisputed
    )
  })
  it("an explicit vote alone opens no record", () => {
    assert.isFalse(CandidateVotes.importSeed(CandidateVotes.none, invalid, 1, signature).stored)
  })
})

describe("votes of one validator", () => {
  it("a backing vote stays, another valid vote is replaced", () => {
    const backed = CandidateVotes.add(
      CandidateVotes.none,
      statement("Valid.BackingSeconded"),
      2,
      signature
    ).sides
    assert.strictEqual(CandidateVotes.add(backed, statement("Valid.Explicit"), 2, signature).added, "ignored")
    const explicit = CandidateVotes.add(CandidateVotes.none, statement("Valid.Explicit"), 2, signature).sides
    assert.strictEqual(
      CandidateVotes.add(explicit, statement("Valid.BackingValid"), 2, signature).added,
      "replaced"
    )
  })
  it("both sides stay sorted by validator", () => {
    assert.deepStrictEqual(
      votesOf([3, 1, 2], [5, 4]).valid.map(([, index]) => index),
      [1, 2, 3]
    )
  })
})

describe("session window", () => {
  scenarios.session_window.forEach((row, i) =>
    it(`row ${i}`, () =>
      assert.strictEqual(
        isAncient(row.session, row.highest, row.window, row.era as "current" | "seed"),
        row.ancient
      ))
  )
})

it("spam slots follow the script", () => {
  const slots = new SpamSlots(scenarios.spam_slots.max_per_session_and_validator)
  for (const op of scenarios.spam_slots.ops as ReadonlyArray<Record<string, any>>) {
    if (op["add"])
      assert.strictEqual(
        slots.add(op["add"][0], hashOf(op["add"][1]), op["add"][2]),
        op["returns"],
        JSON.stringify(op)
      )
    if (op["clear"]) slots.clear(op["clear"][0], hashOf(op["clear"][1]))
    if (op["prune_below"]) slots.prune(op["prune_below"])
  }
})

describe("participation queue", () => {
  const request = (name: string) => ({
    candidateHash: hashOf(name),
    candidate: {} as CandidateReceipt,
    session: 1
  })
  it("inclusion bumps best effort to priority", () => {
    const row = scenarios.participation_order[0]!
    const queue = new ParticipationQueue()
    for (const [name, priority, number] of row.queue!) {
      queue.add(priority as "priority" | "best-effort", request(name as string), number as number)
    }
    queue.bump(hashOf(row.then!.included))
    assert.deepStrictEqual(
      row.order!.map(() => queue.take()!.candidateHash),
      row.order!.map(hashOf)
    )
  })
  it("has the limits of the reference", () => {
    const { best_effort_capacity, max_parallel, priority_capacity } = scenarios.participation_order[1]!
    const { bestEffortCapacity, maxParallel, priorityCapacity } = DisputeParticipation.defaults
    assert.deepStrictEqual(
      [bestEffortCapacity, maxParallel, priorityCapacity],
      [best_effort_capacity, max_parallel, priority_capacity]
    )
    const paced = scenarios.dispute_distribution.find((row) => row.send_interval_ms !== undefined)!
    assert.strictEqual(DisputeDistribution.defaults.sendIntervalMs, paced.send_interval_ms)
  })
  it("refuses what does not fit, and keeps what is there", () => {
    const queue = new ParticipationQueue({ priorityCapacity: 1, bestEffortCapacity: 1 })
    assert.isTrue(queue.add("best-effort", request("A"), undefined))
    assert.isFalse(queue.add("best-effort", request("B"), 1))
    assert.isTrue(queue.add("priority", request("C"), 1))
    queue.bump(hashOf("A"))
    assert.strictEqual(queue.size, 2)
  })
})

describe("undisputed chain", () => {
  for (const row of scenarios.undisputed_chain) {
    it(row.name, () => {
      const split = (text: string) => {
        const [name, session] = text.split("@session ")
        return { name: name!, session: session === undefined ? 7 : Number(session) }
      }
      const disputes = new Map(
        Object.entries(row.disputes).map(([key, status]) => {
          const { name, session } = split(key)
          return [
            `${session}/${hashOf(name)}`,
            statusOf(status === "ConcludedAgainst" ? { ConcludedAgainst: 1 } : status)
          ]
        })
      )
      const target = determine(
        { number: row.base[0] as number, hash: hashOf(row.base[1] as string) },
        row.blocks.map(([name, candidates]) => {
          const parsed = (candidates as ReadonlyArray<string>).map(split)
          return {
            blockHash: hashOf(name as string),
            session: parsed[0]?.session ?? 7,
            candidates: parsed.map(({ name }) => hashOf(name))
          }
        }),
        (session, candidate: CandidateHash) => disputes.get(`${session}/${candidate}`)
      )
      assert.deepStrictEqual(target, {
        number: row.result[0] as number,
        hash: hashOf(row.result[1] as string)
      })
    })
  }
})

describe("validators that lost", () => {
  it("come after those that the chain names, the worst and latest first, and never more than the limit", () => {
    const list = new OffchainDisabled()
    list.add(7, "againstValid", 4)
    list.add(7, "backedInvalid", 1)
    list.add(7, "backedInvalid", 2)
    list.add(7, "forInvalid", 3)
    list.add(7, "forInvalid", 3)
    assert.deepStrictEqual([...list.disabled(7, [0, 2], 4)], [0, 2, 1, 3])
    assert.deepStrictEqual([...list.disabled(8, [0], 4)], [0])
    list.prune(8)
    assert.deepStrictEqual([...list.disabled(7, [], 4)], [])
  })
})

it("errors say what, where and what to do", () => {
  const candidate = hashOf("A")
  const texts = [
    new DisputeError({ reason: new AncientSession({ session: 3, oldest: 5 }) }),
    new DisputeError({ reason: new UnknownSession({ session: 12 }) }),
    new DisputeError({ reason: new InvalidSignature({ candidateHash: candidate, validatorIndex: 2 }) }),
    new DisputeError({ reason: new UnknownCandidate({ candidateHash: candidate }) }),
    new DisputeError({ reason: new Spam({ candidateHash: candidate }) })
  ].map(({ message, retryable }) => [message.replace(candidate, "A"), retryable])
  assert.deepStrictEqual(texts, [
    ["session 3 is too old for a dispute: the oldest one that counts is 5", false],
    ["the validators of session 12 are not known here: wait until the chain has caught up", true],
    ["the vote of validator 2 about A is not signed by it", false],
    ["nothing is known of candidate A: a backing vote has to come first", false],
    [
      "the dispute of candidate A is raised only by validators whose spam slots are full: it counts once the candidate is seen on the chain",
      false
    ]
  ])
})
