/**
 * The same nouns in @polkadot-api/substrate-bindings: hashes as `0x` text on both sides, as its generated
 * descriptors have them.
 */

interface PeerCodec {
  readonly enc: (value: any) => Uint8Array
  readonly dec: (bytes: Uint8Array) => any
}

/** Codecs of the module, which may not be installed and is therefore untyped. */
export const polkadotApiCodecs = (
  bindings: any
): { readonly receipt: PeerCodec; readonly disputeSet: PeerCodec } => {
  const { _void, Hex, Struct, Tuple, u16, u32, u8, Variant, Vector } = bindings
  const hash = Hex(32)
  const receipt = Struct({
    descriptor: Struct({
      paraId: u32,
      relayParent: hash,
      version: u8,
      coreIndex: u16,
      sessionIndex: u32,
      reserved1: Hex(25),
      persistedValidationDataHash: hash,
      povHash: hash,
      erasureRoot: hash,
      reserved2: Hex(64),
      paraHead: hash,
      validationCodeHash: hash
    }),
    commitmentsHash: hash
  })
  const statement = Variant({
    Valid: Variant({
      Explicit: _void,
      BackingSeconded: hash,
      BackingValid: hash,
      ApprovalChecking: _void,
      ApprovalCheckingMultipleCandidates: Vector(hash)
    }),
    Invalid: Variant({ Explicit: _void })
  })
  const disputeSet = Struct({
    candidateHash: hash,
    session: u32,
    statements: Vector(Tuple(statement, u32, Hex(64)))
  })
  return { receipt, disputeSet }
}
