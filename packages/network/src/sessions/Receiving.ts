/**
 * What a peer says in its session: how long it may be, how fast it may come, and what becomes of it.
 */
import { Effect, Metric } from "effect"
import * as Frames from "../libp2p/Frames.ts"
import type { LocalPeer } from "../peer/LocalPeer.ts"
import * as Metrics from "../Metrics.ts"
import type { Peer, PeerId } from "../Network.ts"
import type { NotificationProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as Role from "../Role.ts"
import { Rates } from "../shares/Rates.ts"
import { SessionEnded } from "./SessionEnded.ts"

/** Longest frame but for notifications: a hello, a view, a goodbye. */
export const maxSmallFrameBytes = 1024

/** Frames per second. */
export interface ReceiveLimits {
  readonly messagesPerSecond: number
  readonly otherMessagesPerSecond: number
}

/** Takes what peers say. */
export class Receiving {
  readonly #local: LocalPeer
  readonly #notifications: ReadonlyMap<string, NotificationProtocol>
  readonly #report: (peer: PeerId, change: number, why: string) => Effect.Effect<void>
  readonly #rates: Readonly<Record<Role.Role, Rates<PeerId>>>

  constructor(
    local: LocalPeer,
    notifications: ReadonlyMap<string, NotificationProtocol>,
    limits: ReceiveLimits,
    report: (peer: PeerId, change: number, why: string) => Effect.Effect<void>
  ) {
    this.#local = local
    this.#notifications = notifications
    this.#report = report
    this.#rates = {
      validator: new Rates(limits.messagesPerSecond),
      other: new Rates(limits.otherMessagesPerSecond)
    }
  }

  /** Longest frame of a peer that has said hello: by what it may speak. */
  maxFrameBytes(peer: Peer): number {
    const may = [...this.#notifications.values()].filter(({ from }) =>
      Role.maySpeak(peer, from, this.#local.validators)
    )
    return Math.max(
      maxSmallFrameBytes,
      ...may.map(({ maxBytes }) => maxBytes + Frames.notificationOverheadBytes)
    )
  }

  /** Waits before the next frame of a peer that sends faster than its share: what it sends then waits on its side. */
  pace(peer: Peer): Effect.Effect<void> {
    return Effect.suspend(() => {
      const rates = this.#rates[Role.roleOf(peer, this.#local.validators)]
      const delayMs = rates.delayMs(peer.authority ?? peer.id, 1, this.#local.nowMs)
      return delayMs === 0
        ? Effect.void
        : Effect.andThen(Metric.update(Metrics.heldBack, 1), Effect.sleep(delayMs))
    })
  }

  /** Takes a frame; fails where it ends the session. */
  onFrame(id: PeerId, frame: Frames.Frame): Effect.Effect<void, SessionEnded> {
    switch (frame._tag) {
      case "View":
        return Effect.flatMap(this.#local.onView(id, frame.view), (wrong) =>
          wrong === undefined ? Effect.void : this.#report(id, Reputation.changes.major, wrong)
        )
      case "Notification": {
        const protocol = this.#notifications.get(frame.protocol)
        const taken =
          protocol === undefined
            ? Effect.succeed("a notification of an unknown protocol")
            : this.#local.onNotification(id, protocol, frame.bytes)
        return Effect.flatMap(taken, (wrong) =>
          wrong === undefined
            ? Effect.void
            : Effect.andThen(
                Metric.update(Metrics.malformed, 1),
                this.#report(id, Reputation.changes.minor, wrong)
              )
        )
      }
      case "Goodbye":
        return Effect.andThen(
          Effect.logWarning(`peer ${id} refuses us: ${frame.why}`),
          Effect.fail(new SessionEnded({ why: `it refuses us: ${frame.why}` }))
        )
      case "Hello":
      case "Malformed": {
        const why = frame._tag === "Hello" ? "a second hello" : frame.why
        return Metric.update(Metrics.malformed, 1).pipe(
          Effect.andThen(this.#report(id, Reputation.changes.major, why)),
          Effect.andThen(Effect.fail(new SessionEnded({ why })))
        )
      }
    }
  }
}
