import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Result } from "effect"
import * as Codec from "../src/codec/Codec.ts"
import { run, temporary } from "./processes.ts"
import { writeFileSync } from "node:fs"

interface Vector {
  readonly name: string
  readonly type: string
  readonly value: unknown
  readonly scale: string
}
const vectors = (file: string): ReadonlyArray<Vector> =>
  JSON.parse(
    readFileSync(join(import.meta.dirname, "../../../packages/types/test/vectors/polkadot", file), "utf8")
  ).vectors

const answer = (request: unknown) => JSON.parse(Codec.batchLine(JSON.stringify(request)))

describe("codec batch", () => {
  for (const file of ["01-primitives.json", "02-candidates.json", "06-disputes.json"]) {
    it(`decodes and encodes every vector of ${file}`, () => {
      for (const { name, scale, type, value } of vectors(file)) {
        assert.deepStrictEqual(
          answer({ op: "decode", type, format: "scale", data: scale }),
          { ok: true, value },
          name
        )
        assert.deepStrictEqual(
          answer({ op: "encode", type, format: "scale", value }),
          { ok: true, data: scale },
          name
        )
      }
    })
  }

  it("answers what is wrong with a request", () => {
    const error = (request: unknown) => answer(request).error
    assert.strictEqual(
      error({ op: "decode", type: "u32", data: "0x" }),
      "SCALE: cannot read value at byte 0: expected 4 more bytes, 0 left"
    )
    assert.include(
      error({ op: "decode", type: "Nope", data: "0x" }),
      'unknown type Nope; "codec types" lists them all'
    )
    assert.include(
      error({ op: "decode", type: "u32", format: "proto", data: "0x" }),
      "has no proto form; it has scale, json"
    )
    assert.include(error({ op: "hash", type: "u32", value: 1 }), "has no hash of its own")
    assert.include(error({ op: "walk", type: "u32", value: 1 }), '"op" should be')
    assert.include(error([]), "a request is a JSON object")
    assert.strictEqual(JSON.parse(Codec.batchLine("{")).ok, false)
  })

  it("suggests names that are near", () => {
    assert.include(answer({ op: "decode", type: "CandidateReciept", data: "0x" }).error, "did you mean")
  })
})

describe("input", () => {
  it("tells hex from JSON and refuses the rest", () => {
    assert.strictEqual(Result.getOrThrow(Codec.parseInput(" 0x00 \n"))._tag, "Bytes")
    assert.strictEqual(Result.getOrThrow(Codec.parseInput('{"a":1}'))._tag, "Value")
    assert.isTrue(Result.isFailure(Codec.parseInput("0x0")))
    assert.isTrue(Result.isFailure(Codec.parseInput("hello there")))
  })
})

describe("ephor-node codec", () => {
  it("reads arguments, files and standard input", async () => {
    using folder = temporary()
    const file = join(folder.path, "pov.hex")
    writeFileSync(file, "0x0c010203\n")
    const [inline, fromFile, fromStdin, batch] = await Promise.all([
      run("node", ["codec", "decode", "PoV", "0x0c010203"]),
      run("node", ["codec", "hash", "PoV", `@${file}`]),
      run("node", ["codec", "encode", "PoV", "-", "--format", "scale"], '{"block_data":"0x010203"}'),
      run(
        "node",
        ["codec", "batch"],
        '{"op":"decode","type":"u32","data":"0x05000000"}\n\n{"op":"encode","type":"u32","value":5}\n'
      )
    ])
    assert.deepStrictEqual(JSON.parse(inline.stdout), { block_data: "0x010203" })
    assert.strictEqual(
      fromFile.stdout,
      "0xcafaf4adaf3920beca6db486d8ee24759066fcc25bd7953e2a4bd4f71c36f9cd\n"
    )
    assert.strictEqual(fromStdin.stdout, "0x0c010203\n")
    assert.strictEqual(batch.stdout, '{"ok":true,"value":5}\n{"ok":true,"data":"0x05000000"}\n')
  }, 60_000)
})
