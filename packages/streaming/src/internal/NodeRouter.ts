/** Which method a path means, under all the names that a server offers it by. */
import { blockFrame, commitFrame } from "../FrameCache.ts"
import * as Grpc from "../Grpc.ts"
import { decodeBlockRequest, decodeCommitRequest } from "../Messages.ts"
import type { ServerOptions } from "../NodeGrpcServer.ts"
import type * as ObserverApi from "../ObserverApi.ts"
import type { Method } from "./NodeServerCall.ts"

/** Finds the method of a path. */
export type Router = (path: string) => Method<any, any> | undefined

/** The methods of an api under all names that it is served by. */
export const routerOf = (api: ObserverApi.Service, { aliases, packages }: ServerOptions): Router => {
  const blocks: Method<any, any> = {
    name: "StreamBlocks",
    decode: decodeBlockRequest,
    call: api.streamBlocks,
    frame: blockFrame
  }
  const commits: Method<any, any> = {
    name: "StreamCommits",
    decode: decodeCommitRequest,
    call: api.streamCommits,
    frame: commitFrame
  }
  const services = new Map([
    ["BlockStreamService", blocks],
    ["CommitStreamService", commits]
  ])
  const named = new Map(Object.entries(aliases).map(([name, service]) => [name, services.get(service)]))
  return (path) => {
    const parts = Grpc.pathOf(path)
    if (parts === undefined) return undefined
    const { method, service } = parts
    const dot = service.lastIndexOf(".")
    const allowed = dot < 0 || packages === "any" || packages.includes(service.slice(0, dot))
    const found = named.get(service) ?? (allowed ? services.get(service.slice(dot + 1)) : undefined)
    return found?.name === method ? found : undefined
  }
}
