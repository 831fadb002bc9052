/** The data of the vectors: bytes by rule, so that only what comes of them is written down. */
export const payload = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8) * 59 + 13) & 255)

/** Some of the numbers below `count`, by rule. */
export const someOf = (count: number, wanted: number, seed: number): ReadonlyArray<number> => {
  const all = Array.from({ length: count }, (_, i) => i)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const j = state % (i + 1)
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all.slice(0, wanted)
}
