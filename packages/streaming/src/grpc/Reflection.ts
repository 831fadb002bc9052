/**
 * `grpc.reflection.v1.ServerReflection`: which services there are, and their definitions, for tools that have none.
 */
import { Proto, Wire } from "@ephor/types"
import { Schema, Stream } from "effect"
import * as Grpc from "../Grpc.ts"
import type { Method } from "./NodeServerCall.ts"
import { descriptors } from "./Descriptors.ts"

/** The full names of the service; tools ask for one or the other. */
export const reflectionServices = [
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection"
] as const

type File = keyof typeof descriptors

/** Packages, and what of them is defined in which file. */
const symbols: { readonly [F in File]: RegExp } = {
  "observer.proto":
    /^(BlockStream|CommitStream|StartBlockStream|StopBlockStream|StartCommitStream|StopCommitStream|AuxiliaryData|CommittedSubDagData|BlockRef|ObserverExtService|FetchBlocks|ReplayInfo|PathRequest|PublisherPath)/,
  "grpc/health/v1/health.proto": /^grpc\.health\.v1(\.|$)/
}
const services = ["BlockStreamService", "CommitStreamService", "ObserverExtService", "grpc.health.v1.Health"]

const Text = Wire.message(Schema.Struct({ text: Schema.String }), { text: 1 })
const Files = Wire.message(Schema.Struct({ files: Schema.Array(Wire.Bytes) }), { files: 1 })
const List = Wire.message(Schema.Struct({ services: Schema.Array(Text) }), { services: 1 })
const Fault = Wire.message(Schema.Struct({ code: Wire.U32, text: Schema.String }), { code: 1, text: 2 })

/** What is asked: of the kinds of questions there is one. */
const Request = Wire.message(
  Schema.Struct({
    host: Schema.String,
    fileByName: Schema.String,
    fileOfSymbol: Schema.String,
    listServices: Schema.String
  }),
  { host: 1, fileByName: 3, fileOfSymbol: 4, listServices: 7 }
)
type Request = typeof Request.Type

const Response = Wire.message(
  Schema.Struct({
    host: Schema.String,
    request: Request,
    files: Schema.NullOr(Files),
    list: Schema.NullOr(List),
    fault: Schema.NullOr(Fault)
  }),
  { host: 1, request: 2, files: 4, list: 6, fault: 7 }
)
type Response = typeof Response.Type

const decode = Proto.decodeResult(Request)
const encode = Proto.encode(Response)

const isFile = (name: string): name is File => name in descriptors

const answer = (request: Request): Response => {
  const none = { host: request.host, request, files: null, list: null, fault: null }
  const symbol = request.fileOfSymbol
  const file =
    symbol === ""
      ? request.fileByName
      : Object.keys(symbols).find((one) => isFile(one) && symbols[one].test(symbol))
  if (file === undefined || file === "")
    return symbol === "" && request.fileByName === ""
      ? { ...none, list: { services: services.map((text) => ({ text })) } }
      : { ...none, fault: { code: Grpc.Status.NotFound, text: `${symbol} is not defined here` } }
  return isFile(file)
    ? { ...none, files: { files: [Uint8Array.from(Buffer.from(descriptors[file], "base64"))] } }
    : { ...none, fault: { code: Grpc.Status.NotFound, text: `there is no file ${file} here` } }
}

/** The method: an answer to each question. */
export const reflectionMethods: ReadonlyArray<Method<Request, Response>> = [
  {
    name: "ServerReflectionInfo",
    decode,
    call: (requests) => Stream.map(requests, answer),
    frame: (response) => Grpc.frame(encode(response))
  }
]
