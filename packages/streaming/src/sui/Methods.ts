/**
 * Sui's `ObserverService` as methods of a server: how its bytes become questions, and answers frames. What several
 * subscribers share is one object, and its frame hangs on it.
 */
import { type CodecError, type DagBlockRef } from "@ephor/types"
import { Effect, Result, Stream } from "effect"
import * as Grpc from "../Grpc.ts"
import type { Method } from "../grpc/NodeServerCall.ts"
import type { BlockStreamResponse } from "../Messages.ts"
import type { Deliver } from "../ObserverApi.ts"
import type { ObserverError } from "../ObserverError.ts"
import type { Part, Service, Wanted } from "./ObserverService.ts"
import * as Wire from "./Wire.ts"

const saturate = (value: bigint): number => (value > 0xffff_ffffn ? 0xffff_ffff : Number(value))

const tellsBlocks = ({ auxiliaryData, blocks }: BlockStreamResponse): boolean =>
  blocks.length > 0 || auxiliaryData !== undefined

type Some<A> = readonly [A, ...Array<A>]
const isSome = <A>(all: ReadonlyArray<A>): all is Some<A> => all.length > 0

/** Without the responses that only tell the highest commit, which has no place on this wire. */
const withBlocks =
  (deliver: Deliver<BlockStreamResponse>): Deliver<BlockStreamResponse> =>
  (responses) => {
    const told = responses.filter(tellsBlocks)
    return isSome(told) ? deliver(told) : Effect.void
  }

/** Remembers what was made of an object, for as long as the object lives. */
const once = <A extends object>(make: (value: A) => Uint8Array) => {
  const made = new WeakMap<A, Uint8Array>()
  return (value: A): Uint8Array => {
    const known = made.get(value)
    if (known !== undefined) return known
    const bytes = make(value)
    made.set(value, bytes)
    return bytes
  }
}

const blockFrame = once(({ auxiliaryData, blocks }: BlockStreamResponse) =>
  Grpc.frame(Wire.streamBlocksResponse.encode({ blocks, auxiliaryData: auxiliaryData ?? null }))
)
const commitFrame = once(({ certifiers, commits }: Part) =>
  Grpc.frame(
    Wire.streamCommitsResponse.encode({
      commits: commits.map(({ bytes }) => bytes),
      blockCounts: commits.map(({ blocks }) => blocks.length),
      blocks: commits.flatMap(({ blocks }) => blocks),
      certifierBlocks: certifiers
    })
  )
)

const wanted = (bytes: Uint8Array): Result.Result<Wanted, CodecError> =>
  Result.flatMap(
    Wire.fetchBlocksRequest.decode(bytes),
    ({ blockRefs, fetchAfterRounds: afterRounds, fetchMissingAncestors: ancestors }) => {
      const refs: Array<DagBlockRef> = []
      for (const one of blockRefs) {
        const ref = Wire.blockRef.decode(one)
        if (Result.isFailure(ref)) return Result.fail(ref.failure)
        refs.push(ref.success)
      }
      return Result.succeed({ refs, ancestors, afterRounds })
    }
  )

/** A method that takes one question and answers it with a stream. */
const answering = <Request, Response>(
  method: Pick<Method<Request, Response>, "name" | "decode" | "frame" | "lastCommit">,
  answer: (request: Request, deliver: Deliver<Response> | undefined) => Stream.Stream<Response, ObserverError>
): Method<Request, Response> => ({
  ...method,
  call: (requests, deliver) => Stream.flatMap(Stream.take(requests, 1), (request) => answer(request, deliver))
})

const lastCommit = ({ commits }: Part) => commits.at(-1)?.index

/** The methods. */
export const methods = (service: Service): ReadonlyArray<Method<any, any>> => [
  answering(
    {
      name: "StreamBlocks",
      decode: (bytes) =>
        Result.map(Wire.streamBlocksRequest.decode(bytes), ({ highestRoundPerAuthority }) =>
          highestRoundPerAuthority.map(saturate)
        ),
      frame: blockFrame
    },
    (rounds, deliver) =>
      Stream.filter(
        service.streamBlocks(rounds, deliver === undefined ? undefined : withBlocks(deliver)),
        tellsBlocks
      )
  ),
  answering(
    { name: "StreamCommits", decode: Wire.streamCommitsRequest.decode, frame: commitFrame, lastCommit },
    ({ start }) => service.streamCommits(start)
  ),
  answering(
    {
      name: "FetchBlocks",
      decode: wanted,
      frame: (blocks: ReadonlyArray<Uint8Array>) => Grpc.frame(Wire.fetchBlocksResponse.encode({ blocks }))
    },
    (request) => service.fetchBlocks(request)
  ),
  answering(
    {
      name: "FetchCommits",
      decode: Wire.fetchCommitsRequest.decode,
      frame: ({ certifiers, commits }: Part) =>
        Grpc.frame(
          Wire.fetchCommitsResponse.encode({
            commits: commits.map(({ bytes }) => bytes),
            certifierBlocks: certifiers
          })
        )
    },
    ({ end, start }) => Stream.fromEffect(service.fetchCommits(start, end))
  )
]
