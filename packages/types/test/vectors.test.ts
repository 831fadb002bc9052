import { assert, describe, it } from "@effect/vitest"
import { blake2b256, CodecError, fromHex, Json, Registry, Scale, toHex } from "@ephor/types"
import { polkadotFiles, type ScaleVector, vectors } from "./support/vectors.ts"

const entryOf = (type: string) => {
  const entry = Registry.types.get(type)
  assert.isDefined(entry, `no type ${type}`)
  return entry!
}

const refused = (type: string, bytes: Uint8Array): CodecError => {
  try {
    Scale.decode(entryOf(type).schema)(bytes)
  } catch (error) {
    assert.instanceOf(error, CodecError)
    return error as CodecError
  }
  return assert.fail(`${type} accepted ${toHex(bytes).slice(0, 80)}`)
}

const checkVector = ({ blake2_256, candidate_hash, len, scale, type, value }: ScaleVector) => {
  const { hash, schema } = entryOf(type)
  const bytes = fromHex(scale)
  assert.strictEqual(bytes.length, len)
  assert.strictEqual(blake2b256(bytes), blake2_256)
  const decoded = Scale.decode(schema)(bytes)
  assert.deepStrictEqual(Json.encode(schema)(decoded), value as Json.Json)
  assert.strictEqual(toHex(Scale.encode(schema)(Json.decode(schema)(value))), scale)
  assert.deepStrictEqual(Json.parse(schema)(Json.stringify(schema)(decoded)), decoded)
  if (hash !== undefined) assert.strictEqual(hash(decoded), candidate_hash ?? blake2_256)
}

const checkBorders = ({ scale, type }: ScaleVector) => {
  const bytes = fromHex(scale)
  // A canonical encoding is no prefix of another one: cutting it anywhere, or adding to it, must fail.
  const step = Math.max(1, Math.floor(bytes.length / 200))
  for (let end = 0; end < bytes.length; end += step) refused(type, bytes.subarray(0, end))
  assert.strictEqual(refused(type, Uint8Array.from([...bytes, 0])).fault, "Trailing")
}

for (const file of polkadotFiles) {
  const content = vectors(`polkadot/${file}`)
  const all: ReadonlyArray<ScaleVector> = [...content.vectors, ...(content.seed_era?.vectors ?? [])]
  describe(file, () => {
    for (const vector of all) {
      it(`${vector.type}: ${vector.name} reads, prints and writes as the reference`, () =>
        checkVector(vector))
      it(`${vector.type}: ${vector.name} is refused when cut or extended`, () => checkBorders(vector))
    }
    for (const { scale, type, why } of content.reject ?? []) {
      it(`${type} refuses ${why}`, () => {
        const error = refused(type, fromHex(scale))
        assert.isTrue(error.offset !== undefined && error.offset <= fromHex(scale).length, error.message)
      })
    }
    for (const { canonical, scale, type, value } of content.lenient ?? []) {
      it(`${type} ignores padding on reading and writes zeros`, () => {
        const { schema } = entryOf(type)
        const decoded = Scale.decode(schema)(fromHex(scale))
        assert.strictEqual(decoded, value)
        assert.strictEqual(toHex(Scale.encode(schema)(decoded)), canonical)
      })
    }
  })
}
