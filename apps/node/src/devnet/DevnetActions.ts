/**
 * What the buttons of the page do: a person kills a process, has garbage offered, sends a message, or stops L1. Only the
 * page itself may ask: a page of another origin, and a program that names none, are refused.
 */
import { NodeAdmin, type Status as Told } from "@ephor/cli"
import { type Request, type Route, text } from "@ephor/json-rpc/Door"
import * as Jwt from "@ephor/json-rpc/Jwt"
import { type Hash, toHex } from "@ephor/types"
import { Effect, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { garbagePath } from "../GarbageOrders.ts"
import { emitterAddress } from "./Evm.ts"
import type { Member } from "./Members.ts"
import type { Devnet } from "./Network.ts"

/** Where the page asks. */
export const path = "/devnet/act"

const Action = Schema.TaggedUnion({
  Kill: { name: Schema.String },
  Garbage: { chainId: Schema.String },
  Message: { chainId: Schema.String },
  L1: {}
})
type Action = typeof Action.Type

/** Longest request body in bytes. */
const bodyBytes = 1024

/** A browser names the origin of the page with every request that changes something. */
const isOwnPage = ({ headers }: Request): boolean => {
  const { host, origin } = headers
  return host !== undefined && origin === `http://${host}`
}

const topic = (count: number): Hash => {
  const bytes = new Uint8Array(32).fill(0xbb, 0, 4)
  new DataView(bytes.buffer).setUint32(28, count)
  return toHex(bytes)
}

/** What can be done now. */
export const offered = (devnet: Devnet, members: ReadonlyArray<Member>): Effect.Effect<Told.Actions> =>
  Effect.map(devnet.l1?.isRunning ?? Effect.undefined, (l1) => ({
    kill: members.map(({ name }) => name),
    garbage: devnet.chains.map(({ chainId }) => chainId),
    message: devnet.chains.map(({ chainId }) => chainId),
    l1
  }))

/** `POST /devnet/act`. */
export const route = (devnet: Devnet, members: ReadonlyArray<Member>, jwtSecret: Jwt.Secret) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    let messages = 0
    const missing = (what: string) => Effect.fail(text(404, `this devnet has no ${what}`))
    const failed = ({ message }: { readonly message: string }) => text(503, message)
    const chainOf = (chainId: string) => devnet.chains.find((chain) => chain.chainId === chainId)
    const kill = Effect.fnUntraced(function* (name: string) {
      const pid = yield* members.find((member) => member.name === name)?.child.pid ?? Effect.succeed(0)
      if (pid === 0) return yield* missing(`running ${name}`)
      yield* Effect.try({
        try: () => process.kill(pid, "SIGKILL"),
        catch: () => text(503, `${name} has ended`)
      })
    })
    const garbage = Effect.fnUntraced(function* (chainId: string) {
      const chain = chainOf(chainId)
      if (chain === undefined) return yield* missing(`chain ${chainId}`)
      const headers = yield* Jwt.headers(jwtSecret)
      yield* client
        .execute(HttpClientRequest.post(`${chain.adminUrl}${garbagePath}`, { headers }))
        .pipe(
          Effect.flatMap(HttpClientResponse.filterStatusOk),
          Effect.timeout("5 seconds"),
          Effect.mapError(failed)
        )
    })
    const message = (chainId: string) => {
      const chain = chainOf(chainId)
      if (chain === undefined) return missing(`chain ${chainId}`)
      const log = { address: emitterAddress, topics: [topic(++messages)], data: topic(messages) }
      return Effect.mapError(chain.emit(log), failed)
    }
    const act = (action: Action) => {
      switch (action._tag) {
        case "Kill":
          return kill(action.name)
        case "Garbage":
          return garbage(action.chainId)
        case "Message":
          return message(action.chainId)
        case "L1":
          return devnet.l1 === undefined
            ? missing("L1 that can be stopped")
            : Effect.mapError(devnet.l1.toggle, failed)
      }
    }
    const route: Route = {
      method: "POST",
      path,
      bodyBytes,
      handle: Effect.fnUntraced(function* (request) {
        if (!isOwnPage(request)) return text(403, "only the page of this devnet may do that")
        yield* act(yield* NodeAdmin.body(Action, request))
        return { status: 202 }
      })
    }
    return route
  })
