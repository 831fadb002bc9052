/**
 * Publishers beside the one that is followed: only their blocks are taken, and of all publishers the first to bring a
 * block counts. Modes, lag and commits are the business of the one that is followed.
 */
import { Elapsed } from "@ephor/types"
import { Effect, Queue, Stream } from "effect"
import type { BlockStreamRequest } from "../Messages.ts"
import { ObserverError, type ObserverErrorReason, Stalled, Unavailable } from "../ObserverError.ts"
import type { Peer } from "../Subscriber.ts"
import { backoff } from "./Backoff.ts"
import type { Observer } from "./Observer.ts"

// Of the commands that wait only the last one counts.
const waitingCommands = 8

/** Which publishers are in use. */
export class InUse {
  /** The one that is followed. */
  followed: Peer | undefined
  readonly beside = new Set<Peer>()

  /** The next peer behind a place in the list that nobody uses, and its place. */
  next(peers: ReadonlyArray<Peer>, place: number): readonly [peer: Peer, place: number] | undefined {
    for (let step = 1; step <= peers.length; step++) {
      const at = (place + step) % peers.length
      const peer = peers[at]!
      if (peer !== this.followed && !this.beside.has(peer)) return [peer, at]
    }
    return undefined
  }
}

/** Whether blocks are wanted, with or without the publisher that is followed. */
const wants = ({ state }: Observer): boolean => state.mode !== "CommitsOnly" && !state.paused

/** Takes blocks from one publisher for as long as it is of use. Only ever fails. */
const session = (observer: Observer, peer: Peer, inUse: InUse): Effect.Effect<never, ObserverError> =>
  Effect.gen(function* () {
    const { config } = observer
    const error = (reason: ObserverErrorReason) => new ObserverError({ where: peer.name, reason })
    const api = yield* peer.connectBeside ?? peer.connect
    const commands = yield* Queue.sliding<BlockStreamRequest>(waitingCommands)
    const inspection = observer.inspectionBeside()
    let isOn = false
    let heardMs = yield* Elapsed.ms
    const steer = Effect.map(Elapsed.ms, (nowMs) => {
      const isWanted = wants(observer)
      if (isWanted === isOn) return
      isOn = isWanted
      heardMs = nowMs
      const value = { highestRoundPerAuthority: observer.deriver.rounds() }
      Queue.offerUnsafe(commands, { command: isOn ? { _tag: "Start", value } : { _tag: "Stop" } })
    })
    const tick = Effect.gen(function* () {
      yield* Effect.sleep(config.evaluateIntervalMs)
      if (inUse.followed === peer) return yield* error(new Stalled({ why: "it is followed now" }))
      yield* steer
      const silentMs = (yield* Elapsed.ms) - heardMs
      if (!isOn || silentMs <= config.progressMs) return undefined
      return yield* error(new Stalled({ why: `nothing came for ${config.progressMs} ms` }))
    })
    const blocks = Stream.runForEach(api.streamBlocks(Stream.fromQueue(commands)), (response) =>
      Effect.gen(function* () {
        yield* Effect.mapError(observer.onBeside(response.blocks, inspection), error)
        yield* observer.commits.room
        yield* observer.blocks.room
        heardMs = yield* Elapsed.ms
      })
    )
    const ended = Effect.fail(error(new Unavailable({ why: "the publisher has ended the stream" })))
    yield* steer
    return yield* Effect.raceFirst(Effect.andThen(blocks, ended), Effect.forever(tick))
  }).pipe(Effect.scoped)

/** Keeps one more publisher in use beside the one that is followed, whichever is free. */
const keep = (
  observer: Observer,
  peers: ReadonlyArray<Peer>,
  inUse: InUse,
  first: number
): Effect.Effect<never> =>
  Effect.gen(function* () {
    let place = first
    for (let attempt = 0; ; attempt++) {
      yield* Effect.sleep(yield* backoff(attempt, observer.config))
      const free = inUse.next(peers, place)
      if (free === undefined) continue
      const [peer] = free
      place = free[1]
      inUse.beside.add(peer)
      const before = observer.delivered
      const error = yield* Effect.flip(session(observer, peer, inUse)).pipe(
        Effect.ensuring(Effect.sync(() => inUse.beside.delete(peer)))
      )
      yield* Effect.logInfo("publisher beside the one that is followed left", {
        peer: peer.name,
        why: error.reason.message
      })
      if (observer.delivered > before) attempt = 0
    }
  })

/** Keeps as many publishers in use beside the one that is followed as the configuration says, or as there are. */
export const besides = (
  observer: Observer,
  peers: ReadonlyArray<Peer>,
  inUse: InUse
): Effect.Effect<void> => {
  const count = Math.min(observer.config.blockPublishers, peers.length) - 1
  return Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    (place) => keep(observer, peers, inUse, place),
    { concurrency: "unbounded", discard: true }
  )
}
