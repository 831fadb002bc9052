/** Which method a path means, under all the names that a server offers it by. */
import { Effect, Result, Stream } from "effect"
import { blockFrame, commitFrame } from "../FrameCache.ts"
import * as Grpc from "../Grpc.ts"
import { healthMethods, healthService } from "./Health.ts"
import { reflectionMethods, reflectionServices } from "./Reflection.ts"
import * as Messages from "../Messages.ts"
import type { ServerOptions } from "../NodeGrpcServer.ts"
import type * as ObserverApi from "../ObserverApi.ts"
import type { ObserverError } from "../ObserverError.ts"
import type { Method } from "./NodeServerCall.ts"
import { type Path, pathOf } from "../source/Path.ts"
import { methods as suiMethods } from "../sui/Methods.ts"
import { observerService as suiService } from "../sui/Wire.ts"

/** Finds the method of a path. */
export type Router = (path: string) => Method<any, any> | undefined

/** A method that answers one request with one response, and ends. */
const unary = <Request, Response>(
  name: string,
  decode: Method<Request, Response>["decode"],
  answer: (request: Request) => Effect.Effect<Response, ObserverError>,
  encode: (response: Response) => Uint8Array
): Method<Request, Response> => ({
  name,
  decode,
  call: (requests) => Stream.mapEffect(Stream.take(requests, 1), answer),
  frame: (response) => Grpc.frame(encode(response))
})

const nothing = () => Result.succeed(undefined)

/** The path of a publisher, as it is now and whenever it changes. */
const streamPath = (path: Stream.Stream<Path, ObserverError>): Method<undefined, Path> => ({
  name: "StreamPath",
  decode: nothing,
  call: (requests) => Stream.flatMap(Stream.take(requests, 1), () => path),
  frame: (identities) => Grpc.frame(Messages.publisherPath.encode({ identities }))
})

/** What an api offers beyond the protocol. */
const extensions = (api: ObserverApi.Service): ReadonlyArray<Method<any, any>> => {
  const { fetchBlocks, replayInfo } = api
  const path = pathOf(api)
  return [
    ...(fetchBlocks === undefined
      ? []
      : [
          unary(
            "FetchBlocks",
            Messages.fetchBlocksRequest.decode,
            ({ refs }) => Effect.map(fetchBlocks(refs), (blocks) => ({ blocks })),
            Messages.fetchBlocksResponse.encode
          )
        ]),
    ...(replayInfo === undefined
      ? []
      : [unary("ReplayInfo", nothing, () => replayInfo, Messages.replayInfo.encode)]),
    ...(path === undefined ? [] : [streamPath(path)])
  ]
}

/** The methods of an api under all names that it is served by. */
export const routerOf = (
  api: ObserverApi.Service,
  { aliases, healthIntervalMs, packages, reflection, serving }: ServerOptions
): Router => {
  const blocks: Method<any, any> = {
    name: "StreamBlocks",
    decode: Messages.decodeBlockRequest,
    call: api.streamBlocks,
    frame: blockFrame
  }
  const commits: Method<any, any> = {
    name: "StreamCommits",
    decode: Messages.decodeCommitRequest,
    call: api.streamCommits,
    frame: commitFrame,
    lastCommit: ({ commits }: Messages.CommitStreamResponse) => commits.at(-1)?.commitIndex
  }
  const services = new Map<string, ReadonlyArray<Method<any, any>>>([
    ["BlockStreamService", [blocks]],
    ["CommitStreamService", [commits]],
    ["ObserverExtService", extensions(api)]
  ])
  const named = new Map(Object.entries(aliases).map(([name, service]) => [name, services.get(service)]))
  const methodsOf = (service: string): ReadonlyArray<Method<any, any>> | undefined => {
    const dot = service.lastIndexOf(".")
    const allowed = dot < 0 || packages === "any" || packages.includes(service.slice(0, dot))
    return named.get(service) ?? (allowed ? services.get(service.slice(dot + 1)) : undefined)
  }
  // Names that are everybody's stand for themselves only.
  named.set(
    healthService,
    healthMethods({ serving, healthIntervalMs, knows: (service) => methodsOf(service) !== undefined })
  )
  if (api.sui !== undefined) named.set(suiService, suiMethods(api.sui))
  if (reflection) for (const service of reflectionServices) named.set(service, reflectionMethods)
  return (path) => {
    const parts = Grpc.pathOf(path)
    return parts === undefined
      ? undefined
      : methodsOf(parts.service)?.find(({ name }) => name === parts.method)
  }
}
