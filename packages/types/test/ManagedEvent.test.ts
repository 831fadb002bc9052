import { assert, describe, it } from "@effect/vitest"
import { Json, ManagedEvent, ManagedEventItem } from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("op/managed_events")
const kinds: ReadonlyArray<keyof ManagedEvent> = file.goFieldOrder

describe("JSON of managed events", () => {
  for (const [name, json] of Object.entries<any>(file.events)) {
    it(`${name} is printed as op-node prints it, key by key`, () => {
      const text = JSON.stringify(json)
      assert.strictEqual(Json.stringify(ManagedEvent)(Json.parse(ManagedEvent)(text)), text)
    })

    it(`${name}: null and a missing field are the same`, () => {
      const nulls = Object.fromEntries(kinds.map((kind) => [kind, null]))
      assert.deepStrictEqual(
        Json.decode(ManagedEvent)({ ...nulls, ...json }),
        Json.decode(ManagedEvent)(json)
      )
    })
  }

  it("all fields may come at once, in Go's order", () => {
    const all = Object.assign({}, ...Object.values<any>(file.events))
    const event = Json.decode(ManagedEvent)(all)
    assert.deepStrictEqual(Object.keys(Json.encode(ManagedEvent)(event) as object), [...kinds])
  })

  it("names the way to what is wrong", () => {
    const json = structuredClone(file.events.exhaustL1)
    json.exhaustL1.derived.hash += "00"
    assert.throws(() => Json.decode(ManagedEvent)(json), /exhaustL1.derived.hash: expected 32 bytes/)
  })
})

describe("JSON of subscription items", () => {
  for (const [name, notification] of Object.entries<any>(file.wireNotifications)) {
    it(`${name} is wrapped`, () => {
      const { result } = notification.params
      assert.strictEqual(
        Json.stringify(ManagedEventItem)(Json.decode(ManagedEventItem)(result)),
        JSON.stringify(result)
      )
      assert.deepStrictEqual(Json.decode(ManagedEventItem)(result), {
        data: Json.decode(ManagedEvent)(file.events[name])
      })
    })
  }

  it("the notice of the end has no event", () => {
    const { result } = file.wireServerClose.params
    const item = Json.decode(ManagedEventItem)(result)
    assert.deepStrictEqual(item, { data: null, close: true })
    assert.strictEqual(Json.stringify(ManagedEventItem)(item), JSON.stringify(result))
  })
})
