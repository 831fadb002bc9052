/**
 * Serves a chain as an Ethereum execution client over HTTP, so that whoever follows an L1 by JSON-RPC (a supervisor,
 * a block explorer, `curl`) can follow a development chain.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ByteSize, Context, Effect, Layer } from "effect"
import {
  HttpIncomingMessage,
  HttpRouter,
  HttpServer,
  type HttpServerError,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { createServer } from "node:http"
import { Chain } from "@ephor/chain/Chain"
import * as EthRpc from "./EthRpc.ts"

/** Where to listen and what to answer. */
export interface Options extends Partial<EthRpc.Options> {
  readonly chainId: EthRpc.Options["chainId"]
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 0: any free port, see `NodeEthRpcServer.url`. */
  readonly port?: number
  /** Largest request body. Default 1 MiB. */
  readonly bodyLimitBytes?: number
}

/** A running server. */
export class NodeEthRpcServer extends Context.Service<
  NodeEthRpcServer,
  {
    /** The address that clients on this machine use. */
    readonly url: string
  }
>()("@ephor/execution/NodeEthRpcServer") {}

const bodyLimitDefault = 1024 * 1024

const route = (options: Options) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const chain = yield* Chain
      const settings: EthRpc.Options = { ...EthRpc.defaults, ...options }
      const handle = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const text = yield* request.text
        return HttpServerResponse.jsonUnsafe(yield* EthRpc.answer(chain, settings, text))
      }).pipe(
        Effect.catchTag("HttpServerError", () =>
          Effect.succeed(
            HttpServerResponse.text("the request body cannot be read, or is too large", { status: 413 })
          )
        ),
        Effect.provideService(
          HttpIncomingMessage.MaxBodySize,
          ByteSize.bytes(options.bodyLimitBytes ?? bodyLimitDefault)
        )
      )
      yield* router.add("POST", "/", handle)
    })
  )

/** Serves `Chain` over HTTP POST at `/`; the layer ends when the server is closed. */
export const layer = (options: Options): Layer.Layer<NodeEthRpcServer, HttpServerError.ServeError, Chain> => {
  const host = options.host ?? "127.0.0.1"
  const service = Layer.effect(
    NodeEthRpcServer,
    Effect.map(HttpServer.HttpServer, ({ address }) =>
      NodeEthRpcServer.of({ url: `http://${host}:${address._tag === "UnixPathAddress" ? 0 : address.port}` })
    )
  )
  return Layer.merge(
    HttpRouter.serve(route(options), { disableLogger: true, disableListenLog: true }),
    service
  ).pipe(Layer.provide(NodeHttpServer.layer(() => createServer(), { host, port: options.port ?? 0 })))
}
