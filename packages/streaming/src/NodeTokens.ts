/**
 * Bearer tokens at a server: which ones let a call in. What is compared are digests, all of them, whether one matches
 * or not, so that the time taken tells nothing; no token is ever part of a message or a log.
 */
import { Effect, Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import * as Grpc from "./Grpc.ts"
import { Misconfigured, ObserverError } from "./ObserverError.ts"

/** The tokens that are let in, or what decides about one: `true` lets it in. */
export type Tokens =
  | ReadonlyArray<Redacted.Redacted<string>>
  | ((token: Redacted.Redacted<string>) => Effect.Effect<boolean>)

/** Decides about the `authorization` header of a call: at once where that is possible. */
export type TokenCheck = (authorization: unknown) => boolean | Effect.Effect<boolean>

const digest = (text: string) => createHash("sha256").update(text).digest()

/** A name for the bearer of a header that tells nothing about the token: for limits by identity. */
export const bearerName = (authorization: unknown): string =>
  digest(Grpc.bearerOf(authorization) ?? "").toString("hex")

const misconfigured = (where: string, why: string) =>
  new ObserverError({ where, reason: new Misconfigured({ why }) })

/** Reads the tokens of a server; fails with `Misconfigured` for a list that is empty or holds what is no token. */
export const tokenCheck = (where: string, tokens: Tokens): Effect.Effect<TokenCheck, ObserverError> =>
  Effect.suspend((): Effect.Effect<TokenCheck, ObserverError> => {
    if (typeof tokens === "function") {
      return Effect.succeed((authorization) => {
        const token = Grpc.bearerOf(authorization)
        return token === undefined ? false : tokens(Redacted.make(token))
      })
    }
    if (tokens.length === 0)
      return Effect.fail(
        misconfigured(where, "tokens is empty, so that nobody could call: leave it out, or add one")
      )
    if (!tokens.every((token) => Grpc.isToken(Redacted.value(token))))
      return Effect.fail(misconfigured(where, `tokens holds a text that is no bearer token: ${tokenRule}`))
    const known = tokens.map((token) => digest(Redacted.value(token)))
    return Effect.succeed((authorization) => {
      const token = Grpc.bearerOf(authorization)
      const given = digest(token ?? "")
      let found = false
      for (const one of known) found = timingSafeEqual(given, one) || found
      return token !== undefined && found
    })
  })

/** What a token consists of, for messages. */
export const tokenRule = "letters, digits and -._~+/ only, perhaps = at the end"
