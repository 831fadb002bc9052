/**
 * Coding, proving and bringing back available data. Prints one JSON row per measurement, microseconds of processor time per
 * megabyte of data. Run with `node --conditions=ephor-source bench/erasure.bench.ts`.
 */
import { ChunkTrie, CodeParams, ReedSolomon } from "@ephor/erasure"
import { Result } from "effect"

const megabytes = 1
const data = Uint8Array.from({ length: megabytes << 20 }, (_, i) => (i * 167) & 255)

const measure = (what: string, work: () => unknown) => {
  work()
  const times = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage()
    work()
    const { system, user } = process.cpuUsage(before)
    return (system + user) / megabytes
  })
  console.log(JSON.stringify({ what, ours: Math.min(...times), peer: null, ratio: null, unit: "µs/MB" }))
}

for (const validators of [4, 100, 1000]) {
  const params = Result.getOrThrow(CodeParams.codeParams(validators))
  const chunks = Result.getOrThrow(ReedSolomon.encode(params, data))
  const [first, ...others] = chunks
  const trie = ChunkTrie.make([first!, ...others])
  const chunk = { chunk: first!, index: 0, proof: trie.proofOf(0)! }
  const last = chunks.map((bytes, index) => ({ chunk: bytes, index })).slice(-params.systematic)
  measure(`code for ${validators} validators`, () => Result.getOrThrow(ReedSolomon.encode(params, data)))
  measure(`trie of ${validators} chunks`, () => ChunkTrie.make([first!, ...others]))
  measure(`check one proof of ${validators}`, () => ChunkTrie.isProven(trie.root, chunk))
  measure(`bring back for ${validators}, systematic chunks`, () =>
    Result.getOrThrow(ReedSolomon.reconstructFromSystematic(params, chunks))
  )
  measure(`bring back for ${validators}, other chunks`, () =>
    Result.getOrThrow(ReedSolomon.reconstruct(params, last))
  )
}
