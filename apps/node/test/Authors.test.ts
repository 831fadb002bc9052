/** Who signs for the committee: keys in files, and a seed only where nobody has real keys. */
import { assert, describe, it } from "@effect/vitest"
import { DevChain } from "@ephor/devchain"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ChainSpec from "../src/ChainSpec.ts"
import * as Authors from "../src/committee/Authors.ts"
import { temporary } from "./processes.ts"

const spec = ChainSpec.development({ chainId: "901", genesisTime: 1000 })
const none = { authorKey: [], validatorKey: undefined }
const refused = <A, E extends { readonly message: string }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

describe("authors of the DAG", () => {
  it.effect("the development seed goes with development keys only", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Authors.signing(spec, none), { seed: "ephor-901", size: 4 })
      assert.deepStrictEqual(yield* Authors.known(spec, { ...none, validatorKey: "//Bob" }), {
        seed: "ephor-901",
        size: 4
      })
      const real = { ...spec, validators: [`0x${"11".repeat(32)}`, ...spec.validators.slice(1)] }
      const wrong = [
        [real, none],
        [spec, { ...none, validatorKey: "/keys/bob" }]
      ] as const
      for (const [given, config] of wrong) {
        assert.include(yield* refused(Authors.signing(given, config)), "has no authors")
        assert.include(yield* refused(Authors.known(given, config)), "has no authors")
      }
    })
  )

  it.effect("their secrets come from files in their order, and sign what the public keys check", () =>
    Effect.gen(function* () {
      using folder = temporary()
      const files = spec.validators.map((_, index) => join(folder.path, `author-${index}`))
      for (const [index, file] of files.entries()) writeFileSync(file, `0x${`0${index + 1}`.repeat(32)}\n`)
      const keys = DevChain.authorsOf({ seed: "x", size: 0 })
      assert.deepStrictEqual(keys, [])
      // Learn the public keys from the refusals: what an operator sees, too.
      const publicKeys: Array<`0x${string}`> = []
      for (const at of files.keys()) {
        const guess = files.map((_, index) => publicKeys[index] ?? (`0x${`a${index}`.repeat(32)}` as const))
        const why = yield* refused(
          Authors.signing({ ...spec, authors: guess }, { ...none, authorKey: files })
        )
        publicKeys[at] = /holds the key (0x\w+)/.exec(why)![1] as `0x${string}`
      }
      const own = { ...spec, committeeSeed: "not used", authors: publicKeys }
      const made = yield* Authors.signing(own, { validatorKey: "/keys/alice", authorKey: files })
      const signers = DevChain.authorsOf(made)
      assert.deepStrictEqual(
        signers.map(({ publicKey }) => publicKey),
        publicKeys
      )
      assert.lengthOf(signers[0]!.sign(Uint8Array.of(1)), 64)
      assert.deepStrictEqual(yield* Authors.known(own, none), { publicKeys })
      assert.include(
        yield* refused(Authors.signing(own, { ...none, authorKey: files.toReversed() })),
        "in the order of authors"
      )
      assert.include(yield* refused(Authors.signing(own, none)), "names 0 files")
      assert.include(yield* refused(Authors.known(own, { ...none, authorKey: files })), "leave it out")
      assert.include(
        yield* refused(Authors.known({ ...own, authors: publicKeys.slice(1) }, none)),
        "3 different keys for 4 validators"
      )
    })
  )
})
