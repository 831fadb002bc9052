/**
 * Serves a chain as an Ethereum execution client over HTTP, so that whoever follows an L1 by JSON-RPC (a supervisor,
 * a block explorer, `curl`) can follow a development chain.
 */
import { Context, Effect, Layer } from "effect"
import type { Hosts } from "@ephor/json-rpc/Hosts"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import * as NodeJsonRpcServer from "@ephor/json-rpc/NodeJsonRpcServer"
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
  /** Names that it answers to, and origins of pages that may ask. Default: localhost. */
  readonly hosts?: Partial<Hosts>
  /** Further bounds of the door. */
  readonly limits?: Partial<NodeJsonRpcServer.Limits>
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

/** Serves `Chain` over HTTP POST at `/`; the layer ends when the server is closed. */
export const layer = (options: Options): Layer.Layer<NodeEthRpcServer, JsonRpcError, Chain> =>
  Layer.effect(
    NodeEthRpcServer,
    Effect.gen(function* () {
      const settings: EthRpc.Options = { ...EthRpc.defaults, ...options }
      const dispatch = EthRpc.dispatch(yield* Chain, settings)
      const { authority } = yield* NodeJsonRpcServer.make({
        name: "Ethereum RPC",
        host: options.host,
        port: options.port ?? 0,
        hosts: options.hosts,
        modules: ["eth", "net", "web3"],
        version: settings.clientVersion,
        dispatch: () => dispatch,
        limits: {
          ...options.limits,
          bodyBytes: options.bodyLimitBytes ?? bodyLimitDefault,
          batchItems: settings.batchLimit
        }
      })
      return NodeEthRpcServer.of({ url: `http://${authority}` })
    })
  )
