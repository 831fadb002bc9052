/**
 * Verifications of sr25519 per second of processor time, one core: one by one, and in batches. Prints one JSON row per
 * measurement. Run with `npm run bench -- keystore`, or `node --conditions=ephor-source bench/keystore.bench.ts`.
 *
 * All take turns in one run. Peers: the module of `@polkadot/wasm-crypto`, and schnorrkel compiled for this machine
 * (`bench/native`) where cargo is.
 */
import { Checks, Schnorrkel } from "@ephor/schnorrkel"
import { sr25519KeypairFromSeed, sr25519Sign, sr25519Verify, waitReady } from "@polkadot/wasm-crypto"
import { startNative } from "./support/native.ts"

const rounds = 15
const sliceMs = 100
const sizes = [16, 64, 128, 256]

await waitReady()
const message = new Uint8Array(42).fill(7)
const checks = Array.from({ length: Math.max(...sizes) }, (_, n): Checks.Check => {
  const pair = sr25519KeypairFromSeed(new Uint8Array(32).fill(n).fill(1, 0, 1))
  const key = pair.slice(64)
  return { key, message, signature: sr25519Sign(key, pair.slice(0, 64), message) }
})

const cpuMs = () => process.threadCpuUsage().user / 1000
const perSecond = (work: () => number) => {
  const start = cpuMs()
  let done = 0
  for (;;) {
    done += work()
    const spent = cpuMs() - start
    if (spent > sliceMs) return (done * 1000) / spent
  }
}
const all = (count: number, valid: boolean) => {
  if (!valid) throw new Error("a signature is wrong")
  return count
}
const some = checks.slice(0, 16)
const work: Record<string, () => number> = {
  "one by one": () =>
    all(
      16,
      some.every((c) => Schnorrkel.verify(c.signature, c.message, c.key))
    ),
  before: () =>
    all(
      16,
      some.every((c) => sr25519Verify(c.signature, c.message, c.key))
    ),
  "a wrong one in a batch of 64": () => {
    const bad = { ...checks[0]!, message: message.subarray(1) }
    return all(64, Schnorrkel.verifyBatch([bad, ...checks.slice(1, 64)]).filter(Boolean).length === 63)
  },
  ...Object.fromEntries(
    sizes.map((size) => [
      `batches of ${size}`,
      () => all(size, Schnorrkel.verifyBatch(checks.slice(0, size)).every(Boolean))
    ])
  )
}

const native = startNative()
const found = new Map<string, Array<number>>()
const note = (name: string, value: number) => found.set(name, [...(found.get(name) ?? []), value])
for (let round = -1; round < rounds; round++) {
  for (const [name, one] of Object.entries(work)) {
    const value = perSecond(one)
    if (round >= 0) note(name, value)
  }
  const rates = await native?.measure()
  if (rates === undefined || round < 0) continue
  note("native one by one", rates.single)
  note("native batches of 64", rates.batch)
}
native?.close()

const round3 = (value: number) => Number(value.toPrecision(3))
const median = (name: string) => found.get(name)?.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]
const row = (what: string, name: string, against: string) => {
  const [ours, peer] = [median(name)!, median(against)]
  if (peer === undefined) return
  const fields = { what, ours: round3(ours), peer: round3(peer), ratio: round3(ours / peer), unit: "/s CPU" }
  console.log(JSON.stringify(fields))
}
for (const name of Object.keys(work).filter((name) => name !== "before"))
  row(`sr25519, ${name}; peer: @polkadot/wasm-crypto`, name, "before")
row("sr25519, one by one; peer: native schnorrkel", "one by one", "native one by one")
row("sr25519, batches of 64; peer: native schnorrkel, batches of 64", "batches of 64", "native batches of 64")
