/** Peers that are no validators, over real sockets: what they can take, and what they cannot. */
import { tcp } from "@libp2p/tcp"
import { noise } from "@libp2p/noise"
import { yamux } from "@libp2p/yamux"
import { lpStream } from "@libp2p/utils"
import { multiaddr } from "@multiformats/multiaddr"
import { assert, describe, it } from "@effect/vitest"
import { Scale } from "@ephor/types"
import { Effect, Exit, Logger, Option, Scope } from "effect"
import { createLibp2p } from "libp2p"
import * as Handshake from "../src/Handshake.ts"
import * as Protocol from "../src/Protocol.ts"
import {
  authorityOf,
  authorityOfAlice,
  authorityOfBob,
  connected,
  genesis,
  peer,
  until,
  validators
} from "./support/libp2p.ts"

const live = (name: string, body: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body), 30_000)

const alice = (limits = {}) => peer(1, { authority: authorityOf(authorityOfAlice), validators, limits })
const bob = (addresses: ReadonlyArray<string>) =>
  peer(2, { authority: authorityOf(authorityOfBob), validators, peers: addresses })

/** Says hello as nobody in particular; frames that it hears are kept. */
const stranger = (address: string) =>
  Effect.gen(function* () {
    const node = yield* Effect.acquireRelease(
      Effect.promise(() =>
        createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
      ),
      (node) => Effect.promise(async () => void (await node.stop()))
    )
    return yield* Effect.promise(async () => {
      const connection = await node.dial(multiaddr(address))
      const framed = lpStream(await connection.newStream("/ephor/session/1"))
      const hello = Scale.encode(Handshake.Hello)({ version: 1, genesis, authority: null })
      await framed.write(Uint8Array.of(0, ...hello))
      const heard: Array<Uint8Array> = []
      const stranger = { connection, framed, heard, isConnected: true }
      const listen = async () => {
        for (;;) heard.push((await framed.read()).subarray())
      }
      listen().catch(() => {
        stranger.isConnected = false
      })
      return stranger
    })
  })

const goodbyes = (heard: ReadonlyArray<Uint8Array>) =>
  heard.filter(([kind]) => kind === 3).map((frame) => new TextDecoder().decode(frame.subarray(1)))

describe("strangers", () => {
  live(
    "take their own places and no more; validators come in, and come back",
    Effect.gen(function* () {
      const us = yield* alice({ otherPeersPerBlock: 3, newPeersPerSecond: 1000, inboundPerSecond: 1000 })
      const [address] = us.libp2p.addresses
      const crowd = yield* Effect.replicateEffect(Effect.exit(stranger(address!)), 8)
      const inside = crowd.flatMap((exit) => (Exit.isSuccess(exit) ? [exit.value] : []))
      yield* until(
        "three strangers inside",
        Effect.sync(() => inside.filter(({ isConnected }) => isConnected).length === 3)
      )
      yield* connected(us.network, 3)
      const told = inside.flatMap(({ heard }) => goodbyes(heard))
      assert.isAbove(told.length, 0)
      for (const why of told)
        assert.match(why, /all 3 places for peers of 127\.0\.0\.0\/24 that are no validators are taken/)
      for (let life = 0; life < 2; life++) {
        const scope = yield* Scope.make()
        const validator = yield* Scope.provide(bob([address!]), scope)
        yield* connected(us.network, 4)
        assert.strictEqual(
          Option.getOrThrow(yield* us.network.peerOf(authorityOfBob)).id,
          validator.network.self
        )
        yield* Scope.close(scope, Exit.void)
        yield* connected(us.network, 3)
      }
    })
  )

  live(
    "that wait without a hello give way to those who have one",
    Effect.gen(function* () {
      const us = yield* alice({
        pendingPerBlock: 4,
        maxPendingConnections: 8,
        helloTimeoutMs: 60_000,
        newPeersPerSecond: 1000,
        inboundPerSecond: 1000
      })
      const [address] = us.libp2p.addresses
      const nodes = yield* Effect.replicateEffect(
        Effect.acquireRelease(
          Effect.promise(() =>
            createLibp2p({ transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
          ),
          (node) => Effect.promise(async () => void (await node.stop()))
        ),
        8
      )
      for (const node of nodes)
        yield* Effect.ignoreCause(Effect.promise(() => node.dial(multiaddr(address!))))
      yield* until(
        "four of them have to go",
        Effect.sync(() => nodes.filter((node) => node.getConnections().length > 0).length === 4)
      )
      yield* bob([address!])
      yield* connected(us.network, 1)
    })
  )

  live(
    "cannot send what is for validators, nor frames as long as theirs",
    Effect.gen(function* () {
      const us = yield* alice()
      const [address] = us.libp2p.addresses
      const one = yield* stranger(address!)
      yield* connected(us.network, 1)
      const [id] = (yield* us.network.peers).map((found) => found.id)
      const name = new TextEncoder().encode(Protocol.statement.name)
      const frame = (bytes: number) => Uint8Array.of(2, name.length, ...name, ...new Uint8Array(bytes))
      yield* Effect.promise(() => one.framed.write(frame(10)))
      yield* until(
        "the cost of it",
        Effect.map(us.network.reputation(id!), (reputation) => reputation < 0)
      )
      assert.isTrue(one.isConnected)
      yield* Effect.promise(() => one.framed.write(frame(Protocol.statement.maxBytes)).catch(() => undefined))
      yield* connected(us.network, 0)
    })
  )

  live(
    "are heard in a log without what a terminal would obey, and the log says why who left",
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      yield* Effect.gen(function* () {
        const us = yield* alice()
        const [address] = us.libp2p.addresses
        const one = yield* stranger(address!)
        yield* connected(us.network, 1)
        const rude = "\nforged line\u001b]0;owned\u0007"
        yield* Effect.promise(() => one.framed.write(Uint8Array.of(3, ...new TextEncoder().encode(rude))))
        yield* connected(us.network, 0)
        // A second process with a key that is taken: both sides say why they part.
        yield* bob([address!])
        yield* connected(us.network, 1)
        yield* peer(3, { authority: authorityOf(authorityOfBob), validators, peers: [address!] })
        const why = `it refuses us: validator ${authorityOfBob} is connected as`
        yield* until(
          "the reason",
          Effect.sync(() =>
            lines.some((line) => line.startsWith("disconnected from peer") && line.includes(why))
          )
        )
      }).pipe(Effect.provide(Logger.layer([logger])))
      const all = lines.join("\u0000")
      assert.include(all, "forged line")
      assert.notInclude(all, "\n")
      assert.notInclude(all, "\u001b")
    })
  )
})
