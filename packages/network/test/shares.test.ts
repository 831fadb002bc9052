import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as PeerText from "../src/PeerText.ts"
import * as Role from "../src/Role.ts"
import { addressBlock } from "../src/shares/AddressBlock.ts"
import { Outbox } from "../src/shares/Outbox.ts"
import { Places } from "../src/shares/Places.ts"
import { Rates } from "../src/shares/Rates.ts"
import { WaitingRoom } from "../src/shares/WaitingRoom.ts"
import { authorityOfAlice, authorityOfBob } from "./support/libp2p.ts"

describe("addressBlock", () => {
  // RFC 4291, section 2.2 and 2.5.5: forms of IPv6 addresses, and those that carry an IPv4 address.
  const table: ReadonlyArray<readonly [string, string]> = [
    ["192.0.2.77", "192.0.2.0/24"],
    ["192.0.3.77", "192.0.3.0/24"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::ffff:192.0.2.9", "192.0.2.0/24"],
    ["::ffff:c000:209", "192.0.2.0/24"],
    ["0:0:0:0:0:ffff:c000:209", "192.0.2.0/24"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["a::b::c", "a::b::c"],
    ["/unix/socket", "/unix/socket"]
  ]
  for (const [address, block] of table) {
    it(`${address} is of ${block}`, () => assert.strictEqual(addressBlock(address), block))
  }
})

describe("PeerText", () => {
  it("lets a terminal see nothing that it would obey", () => {
    assert.strictEqual(PeerText.clean("plain, with ümlauts and 漢字"), "plain, with ümlauts and 漢字")
    const rude = "a\nb\rc\td\u001b]0;owned\u0007e\u009bf\u202eg\u2028h\u0000i\ud800j\u200bk\u007f"
    // oxlint-disable-next-line no-control-regex
    assert.notMatch(PeerText.clean(rude), /[\u0000-\u001f\u007f-\u009f\u2028\u202e\u200b]/)
    assert.match(PeerText.clean(rude), /^a.b.c.d.\]0;owned.e.f.g.h.i.j.k.$/u)
    const long = PeerText.clean("x".repeat(10_000))
    assert.lengthOf(long, PeerText.maxPeerTextLength)
    assert.match(long, /x\.\.\.$/)
  })
})

describe("Role", () => {
  const named = new Set([authorityOfAlice])
  const [alice, bob, nobody] = [{ authority: authorityOfAlice }, { authority: authorityOfBob }, {}]

  it("of a validator is only what the chain names, where it names any", () => {
    const roles = [alice, bob, nobody].map((peer) => [
      Role.roleOf(peer, named),
      Role.roleOf(peer, undefined),
      Role.isReserved(peer, named),
      Role.isReserved(peer, undefined)
    ])
    assert.deepStrictEqual(roles, [
      ["validator", "validator", true, false],
      ["other", "validator", false, false],
      ["other", "other", false, false]
    ])
  })

  it("says who may speak", () => {
    const may = (speakers: Role.Speakers) =>
      [alice, bob, nobody].map((peer) => Role.maySpeak(peer, speakers, named))
    assert.deepStrictEqual(may("anyone"), [true, true, true])
    assert.deepStrictEqual(may("validators"), [true, false, false])
    assert.deepStrictEqual(may({ named: "Bob", keys: [authorityOfBob] }), [false, true, false])
    assert.deepStrictEqual(may({ named: "nobody", keys: [] }), [false, false, false])
  })
})

describe("Rates", () => {
  it("give twice a second's worth at once, and then as much as time brings", () => {
    const rates = new Rates<string>(10)
    const took = (nowMs: number) =>
      Array.from({ length: 30 }, () => rates.take("a", nowMs)).filter(Boolean).length
    assert.deepStrictEqual([took(0), took(500), took(500), took(60_000)], [20, 5, 0, 20])
    assert.strictEqual(took(0), 0, "a clock that went back gives nothing")
    assert.isTrue(rates.take("b", 0), "another one has its own")
  })

  it("charge in full what has happened, and say how long it takes to make up for it", () => {
    const rates = new Rates<string>(10)
    rates.charge("a", 120, 0)
    assert.deepStrictEqual([rates.has("a", 9000), rates.has("a", 10_001)], [false, true])
    assert.strictEqual(rates.delayMs("b", 20, 0), 0)
    assert.strictEqual(rates.delayMs("b", 5, 0), 500)
  })
})

describe("Places", () => {
  it("are so many for all, and so many for a block", () => {
    const places = new Places({ otherPeers: 3, otherPeersPerBlock: 2 })
    for (const peer of ["a", "b"]) places.take(peer, "x")
    assert.match(places.refusal("c", "x") ?? "", /all 2 places for peers of x/)
    assert.isUndefined(places.refusal("c", "y"))
    assert.isUndefined(places.refusal("a", "x"), "it has its place")
    places.take("c", "y")
    assert.match(places.refusal("d", "z") ?? "", /all 3 places/)
    places.leave("a")
    places.leave("a")
    assert.isUndefined(places.refusal("d", "x"))
    assert.strictEqual(places.taken, 2)
  })
})

describe("WaitingRoom", () => {
  const make = (total: number, perBlock: number) => {
    const left: Array<string> = []
    const room = new WaitingRoom({ total, perBlock })
    return {
      left,
      room,
      enter: (name: string, block: string) => room.enter(name, block, () => left.push(name))
    }
  }

  it("sends the longest waiting of a block away, not the newcomer, and nobody of another block", () => {
    const { enter, left, room } = make(10, 2)
    enter("validator", "y")
    for (const name of ["a", "b", "c", "d"]) enter(name, "x")
    assert.deepStrictEqual(left, ["a", "b"])
    room.exit("c")
    enter("e", "x")
    assert.deepStrictEqual([left.length, room.size], [2, 3])
  })

  it("that is full takes from the block that has most", () => {
    const { enter, left } = make(4, 3)
    for (const [name, block] of [
      ["y1", "y"],
      ["x1", "x"],
      ["x2", "x"],
      ["z1", "z"],
      ["w1", "w"]
    ])
      enter(name!, block!)
    assert.deepStrictEqual(left, ["x1"])
  })

  it("sends known validators away last", () => {
    const { enter, left, room } = make(10, 2)
    enter("validator", "x")
    room.know("validator")
    for (const name of ["a", "b", "c"]) enter(name, "x")
    assert.deepStrictEqual(left, ["a", "b"])
  })
})

describe("Outbox", () => {
  it.effect("is bounded in frames and in bytes, until the peer has taken them", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ frames: 3, bytes: 100 })
      const frame = (bytes: number) => new Uint8Array(bytes)
      assert.deepStrictEqual(
        [outbox.offer(frame(60)), outbox.offer(frame(60)), outbox.offer(frame(40))],
        [true, false, true]
      )
      const taken = yield* Deferred.make<void>()
      const writing = yield* Effect.forkChild(
        outbox.writeNext(() => Deferred.await(taken)),
        { startImmediately: true }
      )
      assert.isFalse(outbox.offer(frame(1)), "what is being written counts")
      yield* Deferred.succeed(taken, undefined)
      yield* Fiber.join(writing)
      assert.deepStrictEqual(
        [outbox.bytes, outbox.offer(frame(0)), outbox.offer(frame(0)), outbox.offer(frame(0))],
        [40, true, true, false]
      )
      const broken = yield* Effect.exit(outbox.writeNext(() => Effect.fail("cut")))
      assert.isTrue(Exit.isFailure(broken))
      assert.strictEqual(outbox.bytes, 0)
    })
  )
})
