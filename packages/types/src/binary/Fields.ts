/**
 * Reading and writing the fields of a struct, one after the other, with the name of the one that failed. The
 * straight-line code that does the same without the names is in `generated.ts`.
 */
import { within } from "../codec/CodecError.ts"
import type { Reader, Writer } from "../codec/Cursor.ts"
import type { Wire } from "./Codec.ts"

/** The parts of a struct on a binary wire. */
export interface FieldList {
  /** Properties that stand in the value and not on the wire. */
  readonly literals: ReadonlyArray<readonly [name: string, value: unknown]>
  /** A hidden field stands on the wire and not in the value. */
  readonly fields: ReadonlyArray<{ readonly name: string; readonly hidden: boolean; readonly wire: Wire }>
}

/** One wire for all fields. */
export const fieldsWire = ({ fields, literals }: FieldList): Wire => {
  const start = Object.fromEntries(literals)
  return {
    read: (reader: Reader) => {
      const out: Record<string, unknown> = { ...start }
      let i = 0
      try {
        for (; i < fields.length; i++) {
          const { hidden, name, wire } = fields[i]!
          const value = wire.read(reader)
          if (!hidden) out[name] = value
        }
      } catch (error) {
        throw within(error, fields[i]!.name)
      }
      return out
    },
    write: (writer: Writer, value: Record<string, unknown>) => {
      let i = 0
      try {
        for (; i < fields.length; i++) {
          const { name, wire } = fields[i]!
          wire.write(writer, value[name])
        }
      } catch (error) {
        throw within(error, fields[i]!.name)
      }
    }
  }
}
