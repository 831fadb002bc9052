/** Who signs for the committee: keys in files, and a seed only where nobody has real keys. */
import { assert, describe, it } from "@effect/vitest"
import { DevChain } from "@ephor/devchain"
import { Effect, Redacted } from "effect"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import * as ChainSpec from "../src/ChainSpec.ts"
import { readOrMakeAuthorKey } from "../src/committee/AuthorKey.ts"
import * as Authors from "../src/committee/Authors.ts"
import { temporary } from "./processes.ts"

const spec = ChainSpec.development({ chainId: "901", genesisTime: 1000 })
const none = { authorKey: [], validatorKey: undefined, dataDir: "/nowhere" }
const key = `0x${"00".repeat(32)}` as const
const secret = Redacted.make("//Alice")
const alone = { isNetworked: false, own: [0, 1, 2, 3].map((index) => ({ index, key, secret })) }
const validator = (index: number) => ({ isNetworked: true, own: [{ index, key, secret }] })
const observer = { isNetworked: true, own: [] }
const refused = <E extends { readonly message: string }, R>(effect: Effect.Effect<unknown, E, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

/** Files with the keys of four authors, and their public keys. */
const keysIn = Effect.fnUntraced(function* (folder: string) {
  const files = spec.validators.map((_, index) => join(folder, `author-${index}`))
  const signers = yield* Effect.forEach(files, (file) => readOrMakeAuthorKey(file))
  return { files, authors: signers.map(({ publicKey }) => publicKey) }
})

describe("authors of the DAG", () => {
  it.effect("the development seed goes with development keys only", () =>
    Effect.gen(function* () {
      const seed = { seed: "ephor-901", size: 4 }
      assert.deepStrictEqual(yield* Authors.signing(spec, none, alone), seed)
      const bob = { ...none, validatorKey: "//Bob" }
      assert.deepStrictEqual(yield* Authors.known(spec, bob, validator(1)), {
        authors: seed,
        signer: undefined
      })
      const real = { ...spec, validators: [`0x${"11".repeat(32)}`, ...spec.validators.slice(1)] }
      const wrong = [
        [real, none],
        [spec, { ...none, validatorKey: "/keys/bob" }]
      ] as const
      for (const [given, config] of wrong) {
        assert.include(yield* refused(Authors.known(given, config, validator(1))), "has no authors")
      }
      const file = { ...none, authorKey: ["/keys/author"] }
      for (const why of [
        yield* refused(Authors.signing(spec, file, alone)),
        yield* refused(Authors.signing(real, file, validator(0))),
        yield* refused(Authors.known(spec, file, validator(1)))
      ])
        assert.include(why, "needs the public keys of the authors")
    })
  )

  it.effect(
    "who makes the chain of validators with real keys makes keys rather than sign with the seed",
    () =>
      Effect.gen(function* () {
        using folder = temporary()
        const config = { ...none, dataDir: folder.path, validatorKey: "/keys/alice" }
        const made = DevChain.authorsOf(yield* Authors.signing(spec, config, validator(0)))
        const keys = made.map(({ publicKey }) => publicKey)
        const ofSeed = DevChain.authorsOf({ seed: "ephor-901", size: 4 }).map(({ publicKey }) => publicKey)
        assert.lengthOf(new Set([...keys, ...ofSeed]), 8)
        assert.isTrue(made.every((member) => "sign" in member))
        for (const file of readdirSync(folder.path))
          assert.strictEqual(statSync(join(folder.path, file)).mode & 0o77, 0, file)
        const again = DevChain.authorsOf(yield* Authors.signing(spec, config, validator(0)))
        assert.deepStrictEqual(
          again.map(({ publicKey }) => publicKey),
          keys
        )
      })
  )

  it.effect("each process has the secret of its own author", () =>
    Effect.gen(function* () {
      using folder = temporary()
      const { authors, files } = yield* keysIn(folder.path)
      const own = { ...spec, committeeSeed: "not used", authors }
      const config = (...indices: ReadonlyArray<number>) => ({
        ...none,
        validatorKey: "/keys/alice",
        authorKey: indices.map((index) => files[index]!)
      })
      const made = DevChain.authorsOf(yield* Authors.signing(own, config(0), validator(0)))
      assert.deepStrictEqual(
        made.map(({ publicKey }) => publicKey),
        authors
      )
      assert.deepStrictEqual(
        made.map((member) => "sign" in member),
        [true, false, false, false]
      )
      const all = DevChain.authorsOf(yield* Authors.signing(own, config(3, 2, 1, 0), alone))
      assert.isTrue(all.every((member, index) => "sign" in member && member.publicKey === authors[index]))
      const follows = yield* Authors.known(own, config(2), validator(2))
      assert.deepStrictEqual(follows.authors, { members: authors.map((publicKey) => ({ publicKey })) })
      assert.strictEqual(follows.signer?.publicKey, authors[2])
      assert.lengthOf(follows.signer!.sign(Uint8Array.of(1)), 64)
      assert.isUndefined((yield* Authors.known(own, none, observer)).signer)
      const wrong = [
        [Authors.signing(own, config(1), validator(0)), "no file with the secrets of"],
        [Authors.signing(own, config(0, 1, 2), alone), "no file with the secrets of"],
        [Authors.known(own, config(1), validator(2)), "whose author is"],
        [Authors.known(own, config(1), observer), "give --validator-key, too"],
        [
          Authors.known({ ...own, authors: authors.slice(1) }, none, observer),
          "3 different keys for 4 validators"
        ],
        [
          Authors.known({ ...own, authors: [...authors.slice(1), key] }, config(0), validator(2)),
          "none of authors"
        ]
      ] as const
      for (const [effect, why] of wrong) assert.include(yield* refused(effect), why)
    })
  )
})
