/**
 * What both streams of a publisher have in common: the command that waits, the wishes of the subscriber, and when it was
 * last told something.
 */
import type { Effect } from "effect"
import type * as BatchPolicy from "../BatchPolicy.ts"
import type { ObserverError } from "../ObserverError.ts"
import type { Shared } from "../Publisher.ts"
import type { Session } from "./Drive.ts"

/** See the head of the file. */
export abstract class StreamSession<Command, Response> implements Session<Command, Response> {
  wake: (() => void) | undefined
  bytes = 0
  protected readonly shared: Shared
  protected waiting: Command | undefined
  protected wishes: BatchPolicy.BatchWishes = {}
  protected owesResponse = false
  protected sentMs = Number.NEGATIVE_INFINITY

  constructor(shared: Shared) {
    this.shared = shared
  }

  abstract poll(nowMs: number): Response | Effect.Effect<void, ObserverError> | undefined
  abstract ready(): boolean
  protected abstract readonly started: boolean

  command(command: Command): void {
    this.waiting = command
  }

  due(nowMs: number): boolean {
    return this.started && this.isSilent(nowMs)
  }

  /** Takes the command that waits. */
  protected takeCommand(): Command | undefined {
    const command = this.waiting
    this.waiting = undefined
    return command
  }

  /** Whether it has been told nothing for so long that it needs a sign of life. */
  protected isSilent(nowMs: number): boolean {
    return nowMs - this.sentMs >= this.shared.options.heartbeatMs
  }
}
