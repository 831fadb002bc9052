/**
 * Publishers that lie, each in its own way: decorations of an honest one.
 */
import type { Messages, ObserverApi } from "@ephor/streaming"
import { Effect, Random, Stream } from "effect"
import type { Truth } from "./Truth.ts"

/** What a liar does. */
export const lies = [
  "forged blocks",
  "forged commits",
  "forged votes",
  "fork",
  "inflated",
  "replay",
  "silence",
  "gap",
  "withheld",
  "slow"
] as const
/** One of them. */
export type Lie = (typeof lies)[number]

/** The index that a boaster claims. */
const boast = 1_000_000

/** Responses of a publisher before it falls silent. */
const wordsBeforeSilence = 5

/** Time that a slow publisher takes for a response. */
const slowMs = 250

const spoil = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))

type Blocks = Messages.BlockStreamResponse
type Commits = Messages.CommitStreamResponse

/** Half of the responses by chance, so that truth and lies are mixed. */
const sometimes = <R>(response: R, lie: (response: R) => R): Effect.Effect<R> =>
  Effect.map(Random.next, (chance) => (chance < 0.5 ? lie(response) : response))

const decorate = (
  api: ObserverApi.Service,
  blocks: (all: Stream.Stream<Blocks, never>) => Stream.Stream<Blocks, never>,
  commits: (all: Stream.Stream<Commits, never>) => Stream.Stream<Commits, never>
): ObserverApi.Service => ({
  streamBlocks: (commands) => blocks(api.streamBlocks(commands) as Stream.Stream<Blocks>),
  streamCommits: (commands) => commits(api.streamCommits(commands) as Stream.Stream<Commits>)
})

const same = <A>(all: A): A => all

/** Every response, and now and then one of those before once more. */
const repeating = <R>(all: Stream.Stream<R>): Stream.Stream<R> => {
  const seen: Array<R> = []
  return Stream.flatMap(all, (response) =>
    Stream.fromIterableEffect(
      Effect.map(Random.next, (chance) => {
        seen.push(response)
        return chance < 0.5 ? [response] : [response, seen[Math.floor(chance * seen.length)]!]
      })
    )
  )
}

/** The same publisher, lying. `fork` is what another committee made. */
export const tell = (api: ObserverApi.Service, lie: Lie, fork: Truth): ObserverApi.Service => {
  switch (lie) {
    case "forged blocks":
      return decorate(
        api,
        Stream.mapEffect((one) =>
          sometimes(one, ({ blocks, ...rest }) => ({ ...rest, blocks: blocks.map(spoil) }))
        ),
        same
      )
    case "forged commits":
      return decorate(
        api,
        same,
        Stream.mapEffect((one) =>
          sometimes(one, ({ commits, ...rest }) => ({
            ...rest,
            commits: commits.map((commit) => ({ ...commit, timestampMs: commit.timestampMs + 1 }))
          }))
        )
      )
    case "forged votes":
      return decorate(
        api,
        same,
        Stream.mapEffect((one) =>
          sometimes(one, (commits) => ({
            ...commits,
            certifierBlocks: fork.round(one.highestCommitIndex + 1).blocks.map(({ bytes }) => bytes)
          }))
        )
      )
    case "fork":
      return decorate(
        api,
        Stream.mapEffect((one) =>
          sometimes(one, ({ blocks, ...rest }) => ({
            ...rest,
            blocks: blocks.map((_, i) => fork.round(rest.highestCommitIndex + 1).blocks[i % 4]!.bytes)
          }))
        ),
        Stream.map(({ commits, ...rest }) => ({
          ...rest,
          commits: commits.map(({ commitIndex }) => fork.round(commitIndex).commit)
        }))
      )
    case "inflated":
      return decorate(
        api,
        Stream.map((one) => ({ ...one, highestCommitIndex: boast })),
        Stream.map((one) => ({ ...one, highestCommitIndex: boast }))
      )
    case "replay":
      return decorate(api, repeating, repeating)
    case "silence":
      return decorate(
        api,
        (all) => Stream.concat(Stream.take(all, wordsBeforeSilence), Stream.never),
        (all) => Stream.concat(Stream.take(all, wordsBeforeSilence), Stream.never)
      )
    case "gap":
      return decorate(
        api,
        Stream.mapEffect((one) =>
          sometimes(one, ({ blocks, ...rest }) => ({ ...rest, blocks: blocks.slice(1) }))
        ),
        Stream.map(({ commits, ...rest }) => ({
          ...rest,
          commits: commits.filter(({ commitIndex }) => commitIndex % 5 !== 0)
        }))
      )
    case "withheld":
      return decorate(
        api,
        Stream.map((one) => ({ ...one, blocks: [] })),
        Stream.map((one) => ({ ...one, commits: [] }))
      )
    case "slow":
      return decorate(
        api,
        Stream.tap(() => Effect.sleep(slowMs)),
        Stream.tap(() => Effect.sleep(slowMs))
      )
  }
}
