import { assert, describe, it } from "@effect/vitest"
import * as StaticRuntime from "../src/StaticRuntime.ts"
import { Effect, Option } from "effect"
import { validationCodeHash } from "@ephor/types"
import * as RuntimeApi from "@ephor/chain/RuntimeApi"

const word = (byte: string) => `0x${byte.repeat(32)}` as const
const validators = ["01", "02", "03"].map(word)
const code = new TextEncoder().encode("code")

describe("StaticRuntime.layer", () => {
  it.effect("answers alike for every block", () =>
    Effect.gen(function* () {
      const api = yield* RuntimeApi.RuntimeApi
      for (const at of [word("aa"), word("bb")]) {
        assert.deepStrictEqual(yield* api.validators(at), validators)
        assert.strictEqual(yield* api.sessionIndexForChild(at), 4)
        assert.deepStrictEqual((yield* api.validatorGroups(at)).groups, [[0, 1, 2]])
        assert.deepStrictEqual(yield* api.availabilityCores(at), [{ _tag: "Free" }])
        assert.deepStrictEqual(yield* api.disputes(at), [])
        assert.isTrue(Option.isNone(yield* api.persistedValidationData(at, 1000)))
      }
      const info = yield* api.sessionInfo(word("aa"), 4)
      assert.deepStrictEqual([info.validators, info.activeValidatorIndices], [validators, [0, 1, 2]])
    }).pipe(Effect.provide(StaticRuntime.layer({ validators, session: 4 })))
  )

  it.effect("knows no sessions from the future, and parachains that it is given", () =>
    Effect.gen(function* () {
      const api = yield* RuntimeApi.RuntimeApi
      const error = yield* Effect.flip(api.sessionInfo(word("aa"), 1))
      assert.strictEqual(error.message, "sessionInfo: session 1 is not known at that block")
      const [core] = yield* api.availabilityCores(word("aa"))
      assert.deepStrictEqual(core, { _tag: "Scheduled", value: { paraId: 7, collator: null } })
      assert.deepStrictEqual(Option.getOrThrow(yield* api.validationCode(word("aa"), 7)), code)
      assert.deepStrictEqual(
        Option.getOrThrow(yield* api.validationCodeByHash(word("aa"), validationCodeHash(code))),
        code
      )
      const data = Option.getOrThrow(yield* api.persistedValidationData(word("aa"), 7))
      assert.deepStrictEqual(data.parentHead, Uint8Array.of(1))
    }).pipe(
      Effect.provide(
        StaticRuntime.layer({
          validators,
          paras: [{ id: 7, genesisHead: Uint8Array.of(1), validationCode: code }]
        })
      )
    )
  )
})
