/** Elementary types, as test vectors of the Polkadot family name them. */
import { Schema } from "effect"
import * as Wire from "../codec/Wire.ts"
import * as Primitives from "../Primitives.ts"
import { family, list } from "./Family.ts"

/** See the head of the file. */
export const elementary = family(["scale", "json"], {
  bool: Schema.Boolean,
  u8: Wire.U8,
  u16: Wire.U16,
  u32: Wire.U32,
  u64: Wire.U64,
  u128: Wire.U128,
  "Compact<u32>": Wire.CompactU32,
  "Compact<u64>": Wire.bigNatural("CompactU64", { bits: 64, compact: true }),
  "Compact<u128>": Wire.CompactU128,
  "Compact<uN>": Wire.CompactU128,
  Bytes: Wire.Bytes,
  String: Schema.String,
  H256: Primitives.Hash,
  "BitVec<u8,Lsb0>": Wire.Bits,
  "Option<u32>": Schema.NullOr(Wire.U32),
  "Option<Bytes>": Schema.NullOr(Wire.Bytes),
  "Vec<u32>": list(Wire.U32),
  "Vec<Bytes>": list(Wire.Bytes),
  "BTreeMap<u32,u32>": Wire.map(Wire.U32, Wire.U32),
  "(u32,H256,bool)": Schema.Tuple([Wire.U32, Primitives.Hash, Schema.Boolean])
})
