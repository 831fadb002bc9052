/** The same bytes but for the last one: of a signed block, the signature is wrong. */
export const spoil = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))
