/** What the admin port answers about disputes: whom it asks, and whom it does not answer. */
import { assert, describe, it } from "@effect/vitest"
import * as Jwt from "@ephor/json-rpc/Jwt"
import type { Request } from "@ephor/json-rpc/Door"
import { type DisputedCandidate, Mailbox, type VotesDatabaseMessage } from "@ephor/overseer"
import type { CommittedCandidateReceipt } from "@ephor/types"
import { Deferred, Effect, Option, Redacted } from "effect"
import { query } from "../src/DisputeRoutes.ts"

const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const candidate: CommittedCandidateReceipt = {
  descriptor: {
    _tag: "V1",
    paraId: 2000,
    relayParent: hash("01"),
    collator: hash("02"),
    persistedValidationDataHash: hash("03"),
    povHash: hash("04"),
    erasureRoot: hash("05"),
    signature: `0x${"06".repeat(64)}`,
    paraHead: hash("07"),
    validationCodeHash: hash("08")
  },
  commitments: {
    upwardMessages: [],
    horizontalMessages: [],
    newValidationCode: null,
    headData: new Uint8Array(1),
    processedDownwardMessages: 0,
    hrmpWatermark: 1
  }
}
const disputed = (pov: DisputedCandidate["pov"]): DisputedCandidate => ({
  session: 3,
  candidateHash: hash("aa"),
  candidate,
  pov
})

/** A votes database that tells what it was asked. */
const database = Effect.gen(function* () {
  const asked: Array<unknown> = []
  const mailbox = new Mailbox.Mailbox<VotesDatabaseMessage>("votes database")
  const answer = (message: VotesDatabaseMessage) => {
    switch (message._tag) {
      case "QueryByValidatorId":
      case "QueryByValidatorAndSessionIndex":
        return Deferred.succeed(message.reply, [hash("aa")])
      case "LookupPoVs":
        return Deferred.succeed(message.reply, [disputed({ blockData: Uint8Array.of(1, 2) }), disputed(null)])
      case "TakeSnapshot":
        return Deferred.succeed(message.reply, Option.some({ pro: [[1, 3]], cons: [] } as const))
      default:
        return Effect.die(new Error("it was not to be asked this"))
    }
  }
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.flatMap(mailbox.take, (item) => {
        if (item._tag !== "Message") return Effect.void
        const { reply: _, ...question } = item.message
        asked.push(question)
        return answer(item.message)
      })
    )
  )
  return { asked, mailbox }
})

const secret = Redacted.make(new Uint8Array(32).fill(1))
const setup = Effect.gen(function* () {
  const { asked, mailbox } = yield* database
  const route = query(secret, { databases: [{ index: 2, database: mailbox }] } as never)
  const { Authorization } = yield* Jwt.headers(secret)
  const ask = (body: unknown, authorization: string | undefined = Authorization) => {
    const request: Request = {
      method: "POST",
      path: "/disputes/query",
      headers: { authorization },
      text: Effect.succeed(JSON.stringify(body))
    }
    return route.handle(request).pipe(
      Effect.catch(Effect.succeed),
      Effect.map(({ body, status }) => ({ status, body: typeof body === "string" ? body : "" }))
    )
  }
  return { ask, asked }
})

describe("POST /disputes/query", () => {
  it.live("asks the votes database what it is asked", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* setup
      const answer = (body: unknown) =>
        Effect.map(ask(body), ({ body, status }) => {
          assert.strictEqual(status, 200, body)
          return JSON.parse(body)
        })
      const key = hash("0b")
      assert.deepStrictEqual(yield* answer({ key }), { validator: 2, answer: [hash("aa")] })
      assert.deepStrictEqual(yield* answer({ session: 3, validator: 1 }), {
        validator: 2,
        answer: [hash("aa")]
      })
      const povs = (yield* answer({ povsOf: key, of: 2 })).answer
      assert.deepStrictEqual(
        povs.map((one: any) => [one.session, one.para, one.pov]),
        [
          [3, 2000, "0x0102"],
          [3, 2000, null]
        ]
      )
      const snapshot = (yield* answer({ session: 3, candidate: hash("aa") })).answer
      assert.deepStrictEqual(snapshot, { pro: [[1, 3]], cons: [] })
      assert.deepStrictEqual(asked, [
        { _tag: "QueryByValidatorId", identification: key },
        { _tag: "QueryByValidatorAndSessionIndex", identification: [3, 1] },
        { _tag: "LookupPoVs", identification: key, limit: 4 },
        { _tag: "TakeSnapshot", session: 3, candidateHash: hash("aa") }
      ])
    }).pipe(Effect.scoped)
  )

  it.live("asks nobody for strangers, for nonsense, or of a validator that is elsewhere", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* setup
      const other = yield* Jwt.headers(Redacted.make(new Uint8Array(32).fill(2)))
      assert.strictEqual((yield* ask({ key: hash("0b") }, other.Authorization)).status, 401)
      assert.strictEqual((yield* ask({ key: hash("0b") }, "")).status, 401)
      assert.strictEqual((yield* ask({ key: "0x0b" })).status, 400)
      assert.strictEqual((yield* ask({ session: -1, validator: 0 })).status, 400)
      const elsewhere = yield* ask({ key: hash("0b"), of: 0 })
      assert.deepStrictEqual([elsewhere.status, elsewhere.body], [404, "this node runs validator 2\n"])
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.scoped)
  )
})
