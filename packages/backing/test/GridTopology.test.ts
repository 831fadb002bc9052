import { assert, describe, it } from "@effect/vitest"
import { GridTopology } from "@ephor/backing"
import scenarios from "./vectors/polkadot-backing-scenarios.json" with { type: "json" }

const inOrder = (n: number) => Array.from({ length: n }, (_, i) => i)

describe("GridTopology", () => {
  for (const { column, index, n, row } of scenarios.grid_topology) {
    it(`validator ${index} of ${n}`, () => {
      assert.deepStrictEqual(GridTopology.neighboursOf(inOrder(n), index), { row, column })
    })
  }

  it("takes positions from the shuffled order, and knows nobody from outside", () => {
    const matrix = [8, 6, 7, 5, 3, 0, 4, 2, 1]
    assert.deepStrictEqual(GridTopology.neighboursOf(matrix, 3), { row: [5, 0], column: [6, 2] })
    assert.deepStrictEqual(GridTopology.neighboursOf(matrix, 9), { row: [], column: [] })
  })

  it("reaches everybody in two hops, whatever the size of the group", () => {
    for (const n of [2, 4, 7, 9, 23, 100]) {
      const matrix = inOrder(n)
      for (const size of [1, 3, 5]) {
        const group = matrix.slice(0, Math.min(size, n))
        const views = matrix.map((own) => GridTopology.groupView(matrix, own, group))
        const reached = new Set(group)
        for (let hop = 0; hop < 2; hop++) {
          for (const from of Array.from(reached))
            for (const to of views[from]!.sending) if (views[to]!.receiving.has(from)) reached.add(to)
        }
        assert.strictEqual(reached.size, n, `${n} validators, group of ${size}`)
      }
    }
  })
})
