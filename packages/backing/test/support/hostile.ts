/** Validation functions that mean harm, made from a seed: each kind is wrong, greedy or endless in a way of its own. */
import { leb, signedLeb } from "../../src/validation/WasmReader.ts"

type Bytes = ReadonlyArray<number>

/** Numbers from a seed: the same on every machine. */
export const random = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    // xorshift, 32 bits
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
type Next = ReturnType<typeof random>

const repeat = (times: number, bytes: Bytes): Bytes => Array.from({ length: times }, () => bytes).flat()
const section = (id: number, body: Bytes): Bytes => [id, ...leb(body.length), ...body]
const name = (text: string): Bytes => [...leb(text.length), ...new TextEncoder().encode(text)]
const sized = (body: Bytes): Bytes => [...leb(body.length), ...body]

interface Parts {
  /** Instructions of `validate_block`, without the end. */
  readonly body?: Bytes
  readonly locals?: Bytes
  /** Further functions of the type `() -> ()`: whole bodies. */
  readonly functions?: ReadonlyArray<Bytes>
  readonly types?: ReadonlyArray<Bytes>
  readonly memory?: Bytes
  /** Whole sections by number, which go where they belong. */
  readonly sections?: ReadonlyMap<number, Bytes>
}

const answer: Bytes = [0x42, 0]
const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 10, 11]

/** A module: function 0 is `validate_block`, type 1 is `() -> ()`, the memory has one page. */
export const assemble = (parts: Parts): Uint8Array => {
  const functions = parts.functions ?? []
  const types = [[0x60, 2, 0x7f, 0x7f, 1, 0x7e], [0x60, 0, 0], ...(parts.types ?? [])]
  const bodies = [[...(parts.locals ?? [0]), ...(parts.body ?? answer), 0x0b], ...functions]
  const sections = new Map<number, Bytes>([
    [1, section(1, [...leb(types.length), ...types.flat()])],
    [3, section(3, [...leb(1 + functions.length), 0, ...functions.map(() => 1)])],
    [5, section(5, [1, ...(parts.memory ?? [0, 1])])],
    [7, section(7, [2, ...name("validate_block"), 0, 0, ...name("memory"), 2, 0])],
    [10, section(10, [...leb(bodies.length), ...bodies.flatMap(sized)])]
  ])
  for (const [id, bytes] of parts.sections ?? []) sections.set(id, bytes)
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...order.flatMap((id) => sections.get(id) ?? [])])
}

const i32 = (value: number): Bytes => [0x41, ...signedLeb(value)]
const pick = <A>(next: Next, values: ReadonlyArray<A>): A => values[next(values.length)]!

/** One instruction of every feature that is not offered, each valid where its feature is. */
const features: ReadonlyArray<readonly [string, Bytes]> = [
  ["tail call", [0x12, 1]],
  ["indirect tail call", [...i32(0), 0x13, 1, 0]],
  ["try", [0x06, 0x40, 0x0b]],
  ["try table", [0x1f, 0x40, 0, 0x0b]],
  ["throw", [0x08, 0]],
  ["typed select", [...i32(1), ...i32(2), ...i32(0), 0x1c, 1, 0x7f, 0x1a]],
  ["table.get", [...i32(0), 0x25, 0, 0x1a]],
  ["ref.null", [0xd0, 0x70, 0x1a]],
  ["ref.func", [0xd2, 0, 0x1a]],
  ["call_ref", [0x14, 1]],
  ["i31", [...i32(1), 0xfb, 28, 0x1a]],
  ["struct.new", [0xfb, 1, 0, 0x1a]],
  ["saturating conversion", [0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a]],
  ["table.grow", [0xd0, 0x70, ...i32(10_000_000), 0xfc, 15, 0, 0x1a]],
  ["table.size", [0xfc, 16, 0, 0x1a]],
  ["v128.const", [0xfd, 12, ...repeat(16, [0]), 0x1a]],
  ["relaxed SIMD", [...repeat(2, [0xfd, 12, ...repeat(16, [0])]), 0xfd, 0x80, 0x02, 0x1a]],
  ["atomic wait", [...i32(0), ...i32(0), 0x42, 0x7f, 0xfe, 1, 2, 0, 0x1a]],
  ["atomic fence", [0xfe, 3, 0]],
  ["block with values", [0x02, 1, 0x0b]],
  ["second memory", [...i32(0), 0x28, 0x42, 1, 0, 0x1a]],
  ["memory 1", [0x3f, 1, 0x1a]],
  ["wide arithmetic", [0x42, 0, 0x42, 0, 0xfc, 21, 0x1a, 0x1a]],
  ["unknown opcode", [0x27]]
]

const table = (entries: number): Bytes => [0x70, 0, ...leb(entries)]

/** Kinds of harm. `endless` ones take the whole time they are given and their process with them. */
export const kinds: ReadonlyArray<{
  readonly kind: string
  readonly endless?: true
  readonly make: (next: Next) => Uint8Array
}> = [
  {
    kind: "feature",
    make: (next) => assemble({ body: [...pick(next, features)[1], ...answer], functions: [[0, 0x0b]] })
  },
  {
    kind: "tables",
    make: (next) => {
      const count = 1 + next(100)
      const reference = next(2) === 0 ? 0x6f : 0x70
      const one = [reference, 0, ...leb(next(10_000_000))]
      return assemble({ sections: new Map([[4, section(4, [...leb(count), ...repeat(count, one)])]]) })
    }
  },
  {
    kind: "one table",
    make: (next) => assemble({ sections: new Map([[4, section(4, [1, ...table(next(200_000))])]]) })
  },
  {
    kind: "memory",
    make: (next) =>
      assemble({
        memory: pick<Bytes>(next, [
          [0, ...leb(next(70_000))],
          [1, 1, ...leb(next(65_536) + 1)],
          [3, 1, 1],
          [4, 1]
        ])
      })
  },
  {
    kind: "memories",
    make: (next) => {
      const count = 2 + next(100)
      return assemble({ sections: new Map([[5, section(5, [...leb(count), ...repeat(count, [0, 1])])]]) })
    }
  },
  {
    kind: "growth",
    make: (next) =>
      assemble({
        body: [0x03, 0x40, ...i32(1 + next(3000)), 0x40, 0, 0x1a, 0x0c, 0, 0x0b, ...answer].toSpliced(
          -5,
          2,
          0x3f,
          0,
          ...i32(50 + next(2000)),
          0x49,
          0x0d,
          0
        )
      })
  },
  {
    kind: "recursion",
    make: (next) => {
      const locals = next(3) * next(2000)
      const operands = next(200)
      const body = [
        1,
        ...leb(locals),
        0x7e,
        ...repeat(operands, [0x41, 0, 0x28, 2, 0]),
        0x10,
        1,
        ...repeat(operands, [0x1a]),
        0x0b
      ]
      return assemble({ body: [0x10, 1, ...answer], functions: [body] })
    }
  },
  {
    kind: "indirect recursion",
    make: (next) =>
      assemble({
        body: [0x10, 1, ...answer],
        functions: [[0, ...i32(next(2)), 0x11, 1, 0, 0x0b]],
        sections: new Map([
          [4, section(4, [1, ...table(2)])],
          [9, section(9, [1, 0, 0x41, 0, 0x0b, 1, 1])]
        ])
      })
  },
  {
    kind: "wide frame",
    make: (next) => assemble({ locals: [1, ...leb(next(100_000)), 0x7e] })
  },
  {
    kind: "many operands",
    make: (next) => {
      const count = next(20_000)
      return assemble({ body: [...repeat(count, [0x41, 0]), ...repeat(count, [0x1a]), ...answer] })
    }
  },
  {
    kind: "nesting",
    make: (next) => {
      const depth = next(20_000)
      return assemble({ body: [...repeat(depth, [0x02, 0x40]), ...repeat(depth, [0x0b]), ...answer] })
    }
  },
  {
    kind: "types",
    make: (next) => assemble({ types: Array.from({ length: next(40_000) }, () => [0x60, 0, 0]) })
  },
  {
    kind: "functions",
    make: (next) => assemble({ functions: Array.from({ length: next(100_000) }, () => [0, 0x0b]) })
  },
  {
    kind: "giant data",
    make: (next) => {
      const bytes = next(1_000_000)
      const at = next(3) * 65_536
      return assemble({
        sections: new Map([
          [
            11,
            section(11, [1, 0, ...i32(at), 0x0b, ...leb(bytes), ...Array.from({ length: bytes }, () => 7)])
          ]
        ])
      })
    }
  },
  {
    kind: "claimed sizes",
    make: (next) => {
      const id = pick(next, [1, 2, 3, 4, 6, 7, 9, 10, 11])
      return assemble({ sections: new Map([[id, section(id, [...leb(0xffff_ffff - next(1000)), 0, 0, 0])]]) })
    }
  },
  {
    kind: "imports",
    make: (next) => {
      const what = pick<Bytes>(next, [
        [0, 0],
        [1, 0x70, 0, 1],
        [3, 0x7f, 0],
        [4, 0, 1],
        [2, 0, 1]
      ])
      return assemble({ sections: new Map([[2, section(2, [1, ...name("env"), ...name("it"), ...what])]]) })
    }
  },
  {
    kind: "variables of the host",
    // The counters that the host adds come behind the module's own variables; nothing may reach them.
    make: (next) =>
      assemble({
        body: pick<Bytes>(next, [
          [...i32(0), 0x24, next(3)],
          [0x23, next(3), 0x1a],
          [0x20, 2 + next(3), 0x1a],
          [0x10, 1 + next(2)]
        ]).concat(answer)
      })
  },
  {
    kind: "start",
    make: (next) =>
      assemble({
        functions: [[0, ...pick<Bytes>(next, [[0x00], [0x10, 1], [0x0f]]), 0x0b]],
        sections: new Map([[8, section(8, [1])]])
      })
  },
  {
    kind: "NaN",
    make: (next) => {
      const operation = pick(next, [0x92, 0x93, 0x94, 0x95, 0x96, 0x97])
      const bits = [next(256), next(256), 0x80 + next(128), 0x7f]
      // Its bits are where the result is said to be, so that they decide how it ends.
      return assemble({
        body: [0x43, ...bits, 0x43, 0, 0, 0x80, 0x3f, operation, 0xbc, 0xad, 0x42, ...signedLeb(0xffff), 0x83]
      })
    }
  },
  {
    kind: "result",
    make: (next) =>
      assemble({
        body: [0x42, ...signedLeb(next(0x7fff_ffff)), 0x42, 32, 0x86, 0x42, ...signedLeb(next(70_000)), 0x84]
      })
  },
  {
    kind: "noise",
    make: (next) => {
      const code = assemble({ body: [...i32(3), 0x1a, ...answer], functions: [[0, 0x0b]] })
      for (let i = 0; i < 1 + next(3); i++) code[8 + next(code.length - 8)] = next(256)
      return code
    }
  },
  {
    kind: "end too early",
    make: (next) => {
      const code = assemble({ functions: [[0, 0x0b]] })
      return code.slice(0, next(code.length))
    }
  },
  {
    kind: "loop",
    endless: true,
    make: (next) => assemble({ body: [0x03, 0x40, ...repeat(next(20), [0x01]), 0x0c, 0, 0x0b, ...answer] })
  },
  {
    kind: "memory.fill",
    endless: true,
    make: (next) => {
      const fill = [...i32(next(256)), ...i32(1), ...i32(130_000_000), 0xfc, 11, 0]
      return assemble({ memory: [0, ...leb(2000)], body: [...repeat(3000, fill), ...answer] })
    }
  }
]
