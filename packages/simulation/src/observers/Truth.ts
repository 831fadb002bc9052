/**
 * What a committee has made: real signed blocks, and the commits they give. Made once per process and variant, and then
 * shared by all seeds: a seed chooses what happens to it on its way.
 */
import { DevAuthors } from "@ephor/devchain"
import { Committee, DagBody } from "@ephor/chain"
import { BlockVerifier } from "@ephor/streaming"
import * as NodeBlockVerifier from "@ephor/streaming/NodeBlockVerifier"
import type { CommittedSubDag, DagCommittee, DagCommitRef, Hash } from "@ephor/types"
import { Context, Effect, Layer, Result } from "effect"
import type { BlockSource } from "@ephor/streaming"

/** One round: its blocks (an equivocation is one more), and the commit that it makes. */
export interface Round {
  readonly blocks: ReadonlyArray<BlockSource.SourceBlock>
  readonly commit: CommittedSubDag
  readonly digest: Hash
}

/** A committee's work so far. */
export interface Truth {
  readonly committee: DagCommittee
  /** Rounds after which authors vote for a commit: so far the newest commits are ahead of what is certified. */
  readonly finalityRounds: number
  /** The round of a number, the first being 1; made when it is first asked for. */
  readonly round: (number: number) => Round
  /** Whether the committee has signed a block with this digest. */
  readonly signed: (digest: string) => boolean
  /** The real rules, each block checked once per process. */
  readonly verifier: Layer.Layer<BlockVerifier.BlockVerifier>
}

/** Kinds of committees: votes come after one, two or three rounds; in every other one an author equivocates. */
export const variants = 6

const authors = 4
const equivocator = 3
const equivocationEvery = 7

const payload = (round: number, author: number, twin: boolean) => [
  new Uint8Array(24).fill((round * 8 + author * 2 + (twin ? 1 : 0)) & 0xff)
]

const make = (variant: number, seed: string): Truth => {
  const finalityRounds = 1 + (variant % 3)
  const members = DevAuthors.developmentAuthors(seed, authors)
  const committee = Committee.committeeOf(members)
  let state = Committee.initial(committee)
  let tip: Committee.Committed | undefined
  const rounds: Array<Round> = []
  const refs: Array<DagCommitRef> = []
  const known = new Set<string>()
  const next = () => {
    const number = rounds.length + 1
    const votes = refs.slice(0, Math.max(0, number - finalityRounds))
    const inputOf = (twin: boolean): Committee.RoundInput => ({
      timestampMs: number * 100,
      transactions: new Map(members.map((_, author) => [author, payload(number, author, twin)])),
      votes
    })
    const before = state
    state = Committee.nextRound(before, members, inputOf(false))
    tip = Committee.commitUpon(state, tip, number)
    refs.push({ index: tip.commit.index, digest: tip.digest })
    const blocks = state.rounds.get(number)!.map(({ bytes, ref }) => ({ bytes, ref }))
    if (variant % 2 === 1 && number % equivocationEvery === 0) {
      const { bytes, ref } = Committee.nextRound(before, members, inputOf(true)).rounds.get(number)![
        equivocator
      ]!
      blocks.push({ bytes, ref })
    }
    for (const { ref } of blocks) known.add(ref.digest)
    const commit = DagBody.committedSubDag(Result.getOrThrow(DagBody.subDagOf(tip.body)))
    rounds.push({ blocks, commit, digest: tip.digest })
    state = Committee.prune(state, number - 3)
  }
  return {
    committee,
    finalityRounds,
    round: (number) => {
      while (rounds.length < number) next()
      return rounds[number - 1]!
    },
    signed: (digest) => known.has(digest),
    verifier: remembering(committee)
  }
}

/** Real checks whose results are remembered by the bytes that were checked. */
const remembering = (committee: DagCommittee): Layer.Layer<BlockVerifier.BlockVerifier> => {
  const opened = new WeakMap<Uint8Array, ReturnType<BlockVerifier.Service["open"]>>()
  const good = new Set<string>()
  return Layer.effect(
    BlockVerifier.BlockVerifier,
    Effect.map(Layer.build(NodeBlockVerifier.layerMysticeti({ committee })), (context) => {
      const real = Context.get(context, BlockVerifier.BlockVerifier)
      return {
        committee,
        open: (bytes) => {
          const found = opened.get(bytes) ?? real.open(bytes)
          opened.set(bytes, found)
          return found
        },
        // The digest covers block and signature.
        verify: (block) =>
          good.has(block.ref.digest)
            ? Effect.void
            : Effect.tap(real.verify(block), () => Effect.sync(() => good.add(block.ref.digest)))
      }
    })
  ).pipe(Layer.orDie)
}

const made = new Map<string, Truth>()

/** The committee of a variant; with another name, one that nobody knows. */
export const truthOf = (variant: number, name = "observers"): Truth => {
  const key = `${name} ${variant % variants}`
  const known = made.get(key) ?? make(variant % variants, `${name} ${variant % variants}`)
  made.set(key, known)
  return known
}
