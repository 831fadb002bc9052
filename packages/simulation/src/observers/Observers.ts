/**
 * A run of observers: two origins, a liar, relays that may follow one another, leaves; faults for a while, then good
 * weather in which all must come to the tip. Everything follows from the seed.
 */
import { BlockVerifier } from "@ephor/streaming"
import type { Hash } from "@ephor/types"
import { Clock, Context, Effect, Fiber, Layer, Random, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import { below, pick } from "../Chance.ts"
import * as Disk from "../Disk.ts"
import * as Trace from "../Trace.ts"
import { inVirtualTime } from "../VirtualTime.ts"
import * as Faults from "./Faults.ts"
import { Account, type Invariant, Judge, type Violation } from "./Judge.ts"
import * as Lies from "./Lies.ts"
import * as Link from "./Link.ts"
import * as Node from "./Node.ts"
import { makeOrigin, type Target } from "./Origin.ts"
import { type Plant, tamper, unstoppable } from "./Plants.ts"
import * as Shelf from "./Shelf.ts"
import * as Terms from "./Terms.ts"
import { truthOf, variants } from "./Truth.ts"
import { wander } from "./Wander.ts"

export type { Invariant, Violation } from "./Judge.ts"
export { type Plant, plants } from "./Plants.ts"

/** A run; the same options give the same run. */
export interface Options {
  readonly seed: number
  /** Rounds under faults. Default 30. */
  readonly rounds?: number
  readonly plant?: Plant | undefined
}

/** How a run ended. */
export interface Report {
  readonly seed: number
  readonly violation: Violation | undefined
  readonly totals: {
    readonly commits: number
    readonly faults: number
    readonly modeChanges: number
    readonly sessions: number
    readonly rejected: number
    /** How often something was looked at. */
    readonly checks: number
    /** Rounds of good weather until everybody was at the tip. */
    readonly recoveryRounds: number
    /** How often commits were read from archives. */
    readonly archiveReads: number
  }
  /** How often each invariant was looked at. */
  readonly checks: ReadonlyMap<Invariant, number>
  readonly trace: ReadonlyArray<string>
  /** Hash of the trace. */
  readonly hash: Hash
}

/** Time between rounds. */
export const roundMs = 100

/** Rounds of good weather in which everybody must come to the tip: twice the time in which the worst liar is left. */
export const recoveryRounds = 150

/** Commits that the votes of the newest rounds may still be missing for. */
const uncertifiedTail = 6

const run = Effect.fnUntraced(function* ({ plant, rounds = 30, seed }: Options) {
  const truth = truthOf(seed)
  const trace = Trace.make()
  const judge = new Judge(truth)
  const clock = yield* Clock.Clock
  const began = clock.currentTimeMillisUnsafe()
  const say = (what: string) => trace.say(clock.currentTimeMillisUnsafe() - began, "world", what)
  yield* wander(judge)
  const disk = yield* Disk.make
  const verifier = yield* Layer.build(truth.verifier)
  const verifierLayer = Layer.succeedContext(verifier)
  const { open } = Context.get(verifier, BlockVerifier.BlockVerifier)
  const origin0 = yield* makeOrigin("origin-0")
  const terms = Terms.termsOf(seed)
  const silent = terms.quiet ? Terms.silentPublisher : undefined
  const origin1 = yield* makeOrigin("origin-1", silent)
  const origins = [origin0, origin1]
  const lie = plant === "trusting" ? "forged commits" : yield* pick(Lies.lies)
  say(`variant ${seed % variants}, the liar: ${lie}, ${Terms.told(terms)}`)
  const fork = truthOf(seed, "strangers")
  let reformed = false
  const liar: Target = {
    name: "liar",
    api: () => {
      const api = origin0.api()
      return api === undefined || reformed ? api : Lies.tell(api, lie, fork)
    }
  }
  const nodes = new Map<string, Node.Node>()
  const nodeTarget = (name: string): Target => ({ name, api: () => nodes.get(name)?.api() })
  const [one, two] = [nodeTarget("relay-1"), nodeTarget("relay-2")]
  // Everybody knows an origin, so that somebody has all history; relays know each other, so that loops can close.
  const families: ReadonlyArray<readonly [string, Node.Options["kind"], ReadonlyArray<Target>]> = [
    ["relay-1", "relay", [origin0, two, liar]],
    ["relay-2", "relay", [one, origin1, liar]],
    [
      "leaf-1",
      "leaf",
      plant !== undefined ? [liar, one, origin0] : [one, two, liar, ...(terms.archived ? [] : [origin0])]
    ],
    ["leaf-2", "leaf", [two, liar, origin1]]
  ]
  const links: Array<Link.Link> = []
  const accounts: Array<Account> = []
  const shelves: Array<Shelf.Shelf> = []
  for (const [name, kind, targets] of families) {
    const account = new Account(name, judge, Node.config, open)
    accounts.push(account)
    const archive = kind === "relay" && terms.archived && plant !== "hoarding" ? Shelf.make() : undefined
    if (archive !== undefined) shelves.push(archive)
    const planted = plant !== undefined && name === "leaf-1"
    const turn = planted ? 0 : yield* below(targets.length)
    const ordered = [...targets.slice(turn), ...targets.slice(0, turn)]
    const peers = ordered.map((target) => {
      const key = `${name} < ${target.name}`
      const reach = () => {
        const api = target.api()
        return api !== undefined && plant === "unstoppable" ? unstoppable(api) : api
      }
      const link = Link.make(target.name, name, reach, {
        sent: (way, session, command) => account.sent(key, way, session, command),
        // A liar may send what it likes.
        left: (way, afterStop, underWay) => {
          if (target !== liar) account.left(key, way, afterStop, underWay)
        },
        arrived: (_, response) => account.arrived(response)
      })
      links.push(link)
      return { name: target.name, connect: link.connect }
    })
    const made = yield* Node.make({
      name,
      kind,
      peers,
      account,
      judge,
      trace,
      disk,
      verifier: planted && plant === "trusting" ? BlockVerifier.layerTrusting() : verifierLayer,
      tamper: tamper(planted ? plant : undefined),
      maxHistoryCommits:
        plant === "hoarding" ? 1000 : archive === undefined ? Node.maxHistoryCommits : Terms.archivedHistory,
      config: Terms.configOf(terms),
      publisher: name === "relay-2" ? silent : undefined,
      archive
    })
    nodes.set(name, made)
  }
  const all = [...nodes.values()]
  let round = 0
  const produced = [0, 0]
  const advance = (index: number, to: number) =>
    Effect.gen(function* () {
      const { memory } = origins[index]!
      while (produced[index]! < to) {
        const { blocks, commit } = truth.round(++produced[index]!)
        yield* memory.accept(blocks)
        yield* memory.commit([commit])
      }
    })
  const faults = Faults.make({ links, nodes: all, origins, round: () => round, say })
  const turn = Effect.fnUntraced(function* (action: Effect.Effect<void>) {
    round++
    const fiber = yield* Effect.forkChild(action)
    yield* advance(0, round)
    yield* advance(1, Math.max(0, round - 2))
    yield* TestClock.adjust(roundMs)
    yield* Fiber.join(fiber)
    yield* faults.mend
    for (const node of all) yield* node.survey
  })
  // Where everybody begins: far behind, a little behind, or at the tip.
  const history = yield* pick([0, 4, 40])
  round = history
  yield* advance(0, round)
  yield* advance(1, round)
  // Where relays have archives a leaf comes late, and begins with what they keep there only.
  const late = (node: Node.Node) => plant === undefined && terms.archived && node.name === "leaf-1"
  for (const node of all) if (!late(node)) yield* node.start
  const going = () => judge.violation === undefined
  for (let i = 0; going() && i < rounds; i++) {
    yield* turn((yield* Random.next) < 0.35 ? faults.strike : Effect.void)
  }
  say("good weather")
  yield* faults.clear
  // To be slow is weather; every other lie goes on, and must be left.
  reformed = lie === "slow"
  for (const link of links) if (reformed && link.from === liar.name) yield* link.cut
  const recovered = Effect.fnUntraced(function* (node: Node.Node, account: Account) {
    const { lag, mode } = node.observed()!
    if (account.delivered < round - uncertifiedTail) return false
    // By blocks alone a commit is known when its votes are: that many rounds after the publisher counts it.
    return (yield* SubscriptionRef.get(mode)) === "BlocksOnly" && (yield* lag) <= truth.finalityRounds
  })
  let calm = 0
  let good = false
  for (; going() && !good && calm < recoveryRounds; calm++) {
    yield* turn(Effect.void)
    const states = yield* Effect.forEach(all, (node, i) => recovered(node, accounts[i]!))
    good = states.every(Boolean)
  }
  if (going()) {
    for (const [i, node] of all.entries()) {
      const holds = yield* recovered(node, accounts[i]!)
      const state = `${yield* SubscriptionRef.get(node.observed()!.mode)}, lag ${yield* node.observed()!.lag}`
      const { delivered } = accounts[i]!
      judge.check("I9", holds, () => `${node.name} is at commit ${delivered} of ${round}: ${state}`)
    }
    for (const node of all) {
      const path = yield* node.path
      const loops = new Set(path).size < path.length
      judge.check("alive", !loops, () => `${node.name} feeds itself: ${path.join(" < ")}`)
    }
  }
  const stats = yield* Effect.forEach(all, (node) => {
    const observed = node.observed()
    return observed === undefined ? Effect.succeed({ sessions: 0, rejected: 0 }) : observed.stats
  })
  const report: Report = {
    seed,
    violation: judge.violation,
    totals: {
      commits: accounts.reduce((sum, { delivered }) => sum + delivered, 0),
      faults: faults.count(),
      modeChanges: accounts.reduce((sum, { modeChanges }) => sum + modeChanges, 0),
      sessions: stats.reduce((sum, { sessions }) => sum + sessions, 0),
      rejected: stats.reduce((sum, { rejected }) => sum + rejected, 0),
      checks: [...judge.checks.values()].reduce((sum, count) => sum + count, 0),
      recoveryRounds: calm,
      archiveReads: shelves.reduce((sum, shelf) => sum + shelf.reads(), 0)
    },
    checks: judge.checks,
    trace: trace.lines,
    hash: trace.hash()
  }
  return report
})

/** Runs observers in virtual time. */
export const simulate = (options: Options): Effect.Effect<Report> => inVirtualTime(options.seed, run(options))
