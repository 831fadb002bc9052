/**
 * Where a server listens and whom it lets in: read, and found contradictory, before anything is opened.
 */
import { Effect } from "effect"
import { isLoopback, serverContext, type ServerTls } from "../NodeTls.ts"
import { tokenCheck, type Tokens } from "../NodeTokens.ts"
import { Misconfigured, ObserverError } from "../ObserverError.ts"
import type { Security } from "./NodeConnections.ts"
import { type ListenAddress, nameOf } from "./NodeListen.ts"

/** What decides about it. */
export interface Options {
  readonly host: string
  readonly port: number
  readonly listen: ReadonlyArray<ListenAddress>
  readonly tls: ServerTls | undefined
  readonly tokens: Tokens | undefined
  readonly insecureTokens: boolean
}

/** The host of an address, or what stands for it. */
export const hostOf = (address: ListenAddress): string => ("path" in address ? nameOf(address) : address.host)

/** Addresses, certificates and tokens; fails with `Misconfigured` when one of them cannot be used, or not with another. */
export const read = Effect.fnUntraced(function* (
  where: string,
  { host, insecureTokens, listen, port, tls, tokens }: Options
) {
  const security: Security | undefined =
    tls === undefined
      ? undefined
      : {
          context: yield* serverContext(where, tls),
          clientKeys: tls.clientKeys === undefined ? undefined : new Set(tls.clientKeys)
        }
  const check = tokens === undefined ? undefined : yield* tokenCheck(where, tokens)
  const addresses: ReadonlyArray<ListenAddress> = listen.length === 0 ? [{ host, port }] : listen
  const exposed = addresses.find((one) => !("path" in one) && !isLoopback(one.host))
  if (check !== undefined && tls === undefined && exposed !== undefined && !insecureTokens) {
    const why = `tokens would travel in the clear on ${hostOf(exposed)}: give tls, listen on 127.0.0.1, or set insecureTokens (ephor-node: --stream-insecure-tokens) if something else protects them`
    return yield* new ObserverError({ where, reason: new Misconfigured({ why }) })
  }
  const local = addresses.find((one) => "path" in one)
  if (local !== undefined && tls?.clientKeys !== undefined) {
    const why = `nobody shows a key on ${nameOf(local)}: leave out the socket, or the client keys`
    return yield* new ObserverError({ where, reason: new Misconfigured({ why }) })
  }
  return { addresses, check, security }
})
