/**
 * What a running node answers about disputes: the questions of the votes database, to one of its validators.
 */
import { NodeAdmin } from "@ephor/cli"
import type { DisputedCandidate, Mailbox, VotesDatabaseMessage } from "@ephor/overseer"
import { json, type Route, text } from "@ephor/json-rpc/Door"
import * as Jwt from "@ephor/json-rpc/Jwt"
import {
  CandidateHash,
  candidateHash,
  SessionIndex,
  type Snapshot,
  toHex,
  toPlain,
  ValidatorId,
  ValidatorIndex
} from "@ephor/types"
import { Effect, Option, Schema } from "effect"
import type { Validators } from "./Validators.ts"

/** Where the votes database is asked. */
export const queryPath = "/disputes/query"

/** Proofs of validity in one answer: each has up to 5 MiB. */
const maxPovs = 4

/** Whose database is asked; the first validator of the node where none is named. */
const of = Schema.optionalKey(ValidatorIndex)

/** `QueryByValidatorAndSessionIndex`, `QueryByValidatorId`, the lookup of proofs, and a snapshot of the votes about a candidate. */
export const Question = Schema.Union([
  Schema.Struct({ of, session: SessionIndex, validator: ValidatorIndex }),
  Schema.Struct({ of, key: ValidatorId }),
  Schema.Struct({ of, povsOf: ValidatorId }),
  Schema.Struct({ of, session: SessionIndex, candidate: CandidateHash })
])
export type Question = typeof Question.Type

/** Longest request body in bytes. */
const bodyBytes = 1024

const told = ({ candidate, pov, session }: DisputedCandidate) => ({
  session,
  candidate: candidateHash(toPlain(candidate)),
  para: candidate.descriptor.paraId,
  pov: pov === null ? null : toHex(pov.blockData)
})

const answer = (database: Mailbox.Mailbox<VotesDatabaseMessage>, question: Question) => {
  if ("key" in question) {
    const { key: identification } = question
    return database.ask<ReadonlyArray<CandidateHash>>((reply) => ({
      _tag: "QueryByValidatorId",
      identification,
      reply
    }))
  }
  if ("povsOf" in question) {
    const { povsOf: identification } = question
    return database
      .ask<ReadonlyArray<DisputedCandidate>>((reply) => ({
        _tag: "LookupPoVs",
        identification,
        limit: maxPovs,
        reply
      }))
      .pipe(Effect.map((found) => found.map(told)))
  }
  const { session } = question
  if ("validator" in question) {
    const identification = [session, question.validator] as const
    return database.ask<ReadonlyArray<CandidateHash>>((reply) => ({
      _tag: "QueryByValidatorAndSessionIndex",
      identification,
      reply
    }))
  }
  return database
    .ask<Option.Option<Snapshot>>((reply) => ({
      _tag: "TakeSnapshot",
      session,
      candidateHash: question.candidate,
      reply
    }))
    .pipe(Effect.map(Option.getOrNull))
}

/** `POST /disputes/query`, with a token under the secret of the node: an answer may be long. */
export const query = (jwtSecret: Jwt.Secret, { databases }: Validators["Service"]): Route => ({
  method: "POST",
  path: queryPath,
  bodyBytes,
  handle: Effect.fnUntraced(function* (request) {
    const why = yield* Jwt.refusalNow(jwtSecret, request.headers["authorization"])
    if (why !== undefined) return text(401, `unauthorized: ${why}`)
    const question = yield* NodeAdmin.body(Question, request)
    const found = databases.find(({ index }) => question.of === undefined || index === question.of)
    if (found === undefined) {
      const own = databases.map(({ index }) => index).join(", ")
      return text(404, `this node runs ${own === "" ? "no validator" : `validator ${own}`}`)
    }
    return json({ validator: found.index, answer: yield* answer(found.database, question) })
  })
})
