/** Peers over real sockets on the loopback interface. */
import { blake2b256, concatBytes, fromHex, type Hash, type Signature, type ValidatorId } from "@ephor/types"
import { Effect, Redacted, type Scope } from "effect"
import type { Authority, Verify } from "../../src/Handshake.ts"
import type { Service } from "../../src/Network.ts"
import * as NodeLibp2p from "../../src/NodeLibp2p.ts"

export const genesis: Hash = `0x${"11".repeat(32)}`
export const keyOf = (byte: string): ValidatorId => `0x${byte.repeat(32)}`

/** Stands for a real scheme: who knows the key can sign, and the signature is of these bytes. */
const signatureOf = (key: ValidatorId, payload: Uint8Array): Signature => {
  const digest = blake2b256(concatBytes(fromHex(key), payload)).slice(2)
  return `0x${digest}${digest}`
}
export const authorityOf = (key: ValidatorId): Authority => ({
  key,
  sign: (payload) => Effect.sync(() => signatureOf(key, payload))
})
export const verify: Verify = (key, payload, signature) =>
  Effect.sync(() => signature === signatureOf(key, payload))

export const nodeKey = (byte: number) => Redacted.make(new Uint8Array(32).fill(byte))

/** A peer that listens on a free port, with its addresses. */
export const peer = (byte: number, options: Partial<NodeLibp2p.Options> = {}) =>
  NodeLibp2p.make({
    listen: ["/ip4/127.0.0.1/tcp/0"],
    nodeKey: nodeKey(byte),
    genesis,
    verify,
    ...options,
    limits: { redialMinMs: 50, redialMaxMs: 400, ...options.limits }
  })

/** Waits until something holds, on the real clock. */
export const until = <E>(what: string, holds: Effect.Effect<boolean, E>): Effect.Effect<void, E> =>
  Effect.gen(function* () {
    for (let attempt = 0; attempt < 500; attempt++) {
      if (yield* holds) return
      yield* Effect.sleep(20)
    }
    return yield* Effect.die(new Error(`${what} did not happen`))
  })

/** Waits until a peer is connected with so many others. */
export const connected = (network: Service, count: number): Effect.Effect<void> =>
  until(
    `${count} peers`,
    Effect.map(network.peers, (peers) => peers.length === count)
  )

export const authorityOfAlice = keyOf("aa")
export const authorityOfBob = keyOf("bb")

/** The validators that the chain names. */
export const validators = [authorityOfAlice, authorityOfBob]

/** Three peers that are connected with each other: two validators, and a stranger. */
export const trio = Effect.gen(function* () {
  const alice = yield* peer(1, { authority: authorityOf(authorityOfAlice), validators })
  const bob = yield* peer(2, {
    authority: authorityOf(authorityOfBob),
    validators,
    peers: alice.libp2p.addresses
  })
  const carol = yield* peer(3, {
    validators,
    peers: [...alice.libp2p.addresses, ...bob.libp2p.addresses]
  })
  for (const { network } of [alice, bob, carol]) yield* connected(network, 2)
  return { alice: alice.network, bob: bob.network, carol: carol.network, authorityOfAlice }
}) satisfies Effect.Effect<unknown, unknown, Scope.Scope>
