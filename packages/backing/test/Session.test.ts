import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Session, verifyFullStatement } from "../src/shared/Session.ts"
import * as World from "./support/world.ts"

const { candidate } = await World.candidateOf(1n)
const statement = await World.validBy(1, candidate)
const session: Session = {
  context: { sessionIndex: World.session, parentHash: World.relayParent },
  validators: World.validators,
  own: undefined
}

describe("verifyFullStatement", () => {
  it.effect("checks a good statement once per meaning, and a bad one every time", () =>
    Effect.gen(function* () {
      let checks = 0
      const keystore = {
        ...World.everybody,
        verify: (...of: Parameters<typeof World.everybody.verify>) =>
          Effect.andThen(
            Effect.sync(() => checks++),
            World.everybody.verify(...of)
          )
      }
      const verify = (signed: typeof statement, at = session) => verifyFullStatement(keystore, at, signed)
      for (const _ of [1, 2]) assert.isTrue(yield* verify(statement))
      assert.strictEqual(checks, 1)
      const elsewhere = { ...session, context: { ...session.context, sessionIndex: 9 } }
      const turned = { ...session, validators: session.validators.toReversed() }
      for (const at of [elsewhere, turned]) assert.isFalse(yield* verify(statement, at))
      assert.strictEqual(checks, 3)
      const forged = { ...statement, validatorIndex: 2 }
      for (const _ of [1, 2]) assert.isFalse(yield* verify(forged))
      assert.strictEqual(checks, 5)
      assert.isFalse(yield* verify({ ...statement, validatorIndex: 99 }))
      assert.strictEqual(checks, 5)
    })
  )
})
