/**
 * Feeds damaged input to every registered type in every wire it has, and says what became of it.
 */
import { isDeepStrictEqual } from "node:util"
import { Bcs, CodecError, Json, Proto, Registry, Scale } from "@ephor/types"
import { layoutOf } from "../../src/layout/Layout.ts"
import { generate, hasBits, randomFrom } from "./generate.ts"
import { mutate, mutateJson } from "./mutate.ts"

/** What became of the inputs. */
export interface Figures {
  inputs: number
  /** Refused with `CodecError`. */
  refused: number
  /** Read as a value. */
  accepted: number
  /** Of the accepted: those that the value is written back as, byte for byte. */
  canonical: number
  /** What must not be: another error, a value that does not survive, bytes that are no canonical encoding. */
  readonly failures: Array<string>
}

/** Runs one read, and may measure it. */
export type Measure = (type: string, wire: Registry.WireName, size: number, read: () => void) => void

interface Target {
  readonly type: string
  readonly wire: Registry.WireName
  /** Whether what is accepted must be what is written. */
  readonly exact: boolean
  /** A damaged input, and its size in bytes. */
  readonly next: (random: () => number) => readonly [input: any, size: number]
  readonly read: (input: any) => unknown
  readonly write: (value: any) => any
  readonly same: (left: any, right: any) => boolean
}

const binary = { scale: Scale, bcs: Bcs, proto: Proto } as const
const utf8 = new TextEncoder()

const targetsOf = ({ name, schema, wires }: Registry.RegistryEntry): ReadonlyArray<Target> => {
  const layout = layoutOf(schema.ast)
  // Making values costs more than damaging them: a value serves as long as it is drawn from a pool.
  const pool = <A>(make: (random: () => number) => A) => {
    const kept: Array<A> = []
    return (random: () => number): A => {
      if (kept.length < 24) return kept[kept.push(make(random)) - 1]!
      const at = Math.floor(random() * kept.length)
      if (random() < 0.05) kept[at] = make(random)
      return kept[at]!
    }
  }
  return [...wires].map((wire): Target => {
    if (wire === "json") {
      const draw = pool((random) => Json.stringify(schema)(generate(layout, random)))
      return {
        type: name,
        wire,
        exact: false,
        next: (random) => {
          const text = mutateJson(draw(random), random)
          return [text, utf8.encode(text).length]
        },
        read: Json.parse(schema),
        write: Json.stringify(schema),
        same: (left, right) => left === right
      }
    }
    const codec = binary[wire]
    const draw = pool((random) => codec.encode(schema)(generate(layout, random)))
    return {
      type: name,
      wire,
      exact: wire !== "proto" && !hasBits(layout),
      next: (random) => {
        const bytes = mutate(draw(random), random, draw(random))
        return [bytes, bytes.length]
      },
      read: codec.decode(schema),
      write: codec.encode(schema),
      same: (left, right) => Buffer.compare(left, right) === 0
    }
  })
}

const describeInput = (input: string | Uint8Array) =>
  typeof input === "string" ? input.slice(0, 200) : Buffer.from(input.subarray(0, 100)).toString("hex")

const checkAccepted = (target: Target, input: any, value: unknown, figures: Figures): void => {
  const fail = (what: string) =>
    figures.failures.push(`${target.type} in ${target.wire}: ${what}: ${describeInput(input)}`)
  const again = target.write(value)
  if (target.same(again, input)) {
    figures.canonical++
    return
  }
  if (target.exact) fail("accepted, and written otherwise")
  // Where several inputs mean the same, what is written must be stable.
  const second = target.read(again)
  if (!isDeepStrictEqual(second, value) || !target.same(target.write(second), again)) fail("does not survive")
}

const plain: Measure = (_type, _wire, _size, read) => read()

/** `inputs` damaged inputs, the same for the same seed, spread evenly over types and wires. */
export const fuzz = (inputs: number, seed: number, measure: Measure = plain): Figures => {
  const random = randomFrom(seed)
  const targets = [...Registry.types.values()].flatMap(targetsOf)
  const figures: Figures = { inputs: 0, refused: 0, accepted: 0, canonical: 0, failures: [] }
  while (figures.inputs < inputs) {
    const target = targets[figures.inputs % targets.length]!
    const [input, size] = target.next(random)
    figures.inputs++
    let value: unknown
    let error: unknown
    measure(target.type, target.wire, size, () => {
      error = undefined
      try {
        value = target.read(input)
      } catch (thrown) {
        error = thrown ?? new Error("nothing was thrown")
      }
    })
    if (error === undefined) {
      figures.accepted++
      try {
        checkAccepted(target, input, value, figures)
      } catch (thrown) {
        figures.failures.push(`${target.type} in ${target.wire}: ${String(thrown)}: ${describeInput(input)}`)
      }
    } else if (error instanceof CodecError) figures.refused++
    else figures.failures.push(`${target.type} in ${target.wire}: ${String(error)}: ${describeInput(input)}`)
  }
  return figures
}
