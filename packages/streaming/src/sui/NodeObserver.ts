/**
 * A far publisher that speaks Sui's `ObserverService`, as an `ObserverApi`: start is a call, stop is hanging up. Nothing
 * there tells the highest commit; the votes in the blocks do. A commit stream ends where no commit is certified yet, and
 * is called again.
 */
import { Effect, Result, Schedule, Stream } from "effect"
import type * as Http2 from "node:http2"
import * as Grpc from "../Grpc.ts"
import { call, type CallOptions, type ClientMethod } from "../grpc/NodeClientCall.ts"
import type { BlockStreamResponse, CommitStreamResponse } from "../Messages.ts"
import type { Service } from "../ObserverApi.ts"
import { ObserverError, Protocol, Unavailable } from "../ObserverError.ts"
import { CommitReading } from "./CommitReading.ts"
import * as Wire from "./Wire.ts"

/** Where the service is, and how it is called. */
export interface Far {
  readonly url: string
  /** Package in front of the service; "" is Sui's. */
  readonly package: string
  readonly session: Effect.Effect<Http2.ClientHttp2Session, ObserverError>
  readonly call: CallOptions
  /** How long after the end of a commit stream it is called again. */
  readonly commitPollMs: number
}

const methodsOf = ({ package: given, url }: Far) => {
  const path = `/${given === "" ? Wire.observerService : `${given}.ObserverService`}/`
  const method = <Request, Response>(
    name: string,
    { encode }: { readonly encode: (request: Request) => Uint8Array },
    { decode }: { readonly decode: (bytes: Uint8Array) => Result.Result<Response, any> }
  ): ClientMethod<Request, Response> => ({
    name: `${url} ${name}`,
    path: `${path}${name}`,
    encode,
    decode: (parts) => decode(Grpc.join(parts))
  })
  return {
    blocks: method("StreamBlocks", Wire.streamBlocksRequest, Wire.streamBlocksResponse),
    commits: method("StreamCommits", Wire.streamCommitsRequest, Wire.streamCommitsResponse),
    fetchBlocks: method("FetchBlocks", Wire.fetchBlocksRequest, Wire.fetchBlocksResponse)
  }
}

const protocol = (where: string, why: string) => new ObserverError({ where, reason: new Protocol({ why }) })

/** The service behind a session. */
export const observerApi = (far: Far): Service => {
  const { blocks, commits, fetchBlocks } = methodsOf(far)
  /** The highest commit that came, over all calls. */
  let highest = 0

  const blocksAbove = (rounds: ReadonlyArray<number>): Stream.Stream<BlockStreamResponse, ObserverError> => {
    const request = { highestRoundPerAuthority: rounds.map(BigInt) }
    const reason = new Unavailable({ why: "the publisher has ended the stream" })
    return Stream.succeed({ blocks: [], highestCommitIndex: highest }).pipe(
      Stream.concat(
        Stream.map(
          call(far.session, blocks, far.call, Stream.succeed(request)),
          ({ auxiliaryData, blocks }) => ({
            blocks,
            highestCommitIndex: highest,
            ...(auxiliaryData === null ? {} : { auxiliaryData })
          })
        )
      ),
      Stream.concat(Stream.fail(new ObserverError({ where: blocks.name, reason })))
    )
  }

  const commitsAfter = (index: number): Stream.Stream<CommitStreamResponse, ObserverError> => {
    const reading = new CommitReading(index + 1)
    const once = Stream.suspend(() =>
      call(far.session, commits, far.call, Stream.succeed({ start: reading.next }))
    )
    return Stream.repeat(once, Schedule.spaced(far.commitPollMs)).pipe(
      Stream.mapEffect((message) => {
        const taken = reading.take(message)
        if (Result.isFailure(taken)) return Effect.fail(protocol(commits.name, taken.failure))
        highest = Math.max(highest, reading.next - 1)
        return Effect.succeed({ ...taken.success, highestCommitIndex: highest })
      })
    )
  }

  return {
    streamBlocks: (commands) =>
      Stream.switchMap(commands, ({ command }) =>
        command?._tag === "Start" ? blocksAbove(command.value.highestRoundPerAuthority) : Stream.empty
      ),
    streamCommits: (commands) =>
      Stream.switchMap(commands, ({ command }) =>
        command?._tag === "Start" ? commitsAfter(command.value.lastCommitIndex) : Stream.empty
      ),
    fetchBlocks: Effect.fnUntraced(function* (refs) {
      const request = {
        blockRefs: refs.map(Wire.blockRef.encode),
        fetchAfterRounds: [],
        fetchMissingAncestors: false
      }
      const found: Array<Uint8Array> = []
      yield* Stream.runForEach(
        call(far.session, fetchBlocks, far.call, Stream.succeed(request)),
        ({ blocks: some }) => {
          found.push(...some)
          return found.length > refs.length
            ? Effect.fail(
                protocol(fetchBlocks.name, `more than the ${refs.length} blocks that were asked for`)
              )
            : Effect.void
        }
      )
      return found
    })
  }
}
