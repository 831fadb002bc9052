/**
 * When an observer streams blocks, commits, or both (observer-streaming, "State Machine"): a pure step from what was
 * observed to the commands that change it. Two parts: the mode follows the commit lag, the pause follows the queue of
 * blocks; together they say which streams should run, and only the difference to what runs makes commands.
 */
import { Schema } from "effect"
import type { SubscriberConfig } from "./SubscriberConfig.ts"

/** Blocks at the tip, commits to catch up, both in between. */
export const Mode = Schema.Literals(["BlocksOnly", "CommitsOnly", "Overlap"])
export type Mode = typeof Mode.Type

/** What to tell the publisher; positions are filled in at the moment of sending. */
export type Command = "StartCommits" | "StartBlocks" | "StopBlocks" | "StopCommits"

/** State of the machine. Times are milliseconds of any one clock. */
export interface State {
  readonly mode: Mode
  /** The application is behind with blocks. */
  readonly paused: boolean
  readonly connected: boolean
  /** What the publisher was last told in this session. */
  readonly blocksOn: boolean
  readonly commitsOn: boolean
  /** Whether commits can be derived from blocks at all; without it overlap is never left. */
  readonly derives: boolean
  /** `derived` when overlap began. */
  readonly derivedBefore: number
  /** Since when lag is at or below the stop threshold in overlap. */
  readonly caughtUpSinceMs: number | undefined
  readonly pausedSinceMs: number | undefined
  /** A pause is being probed: `blockResponses` when the probe was sent. */
  readonly probedAt: number | undefined
}

/** What is known when modes are evaluated. */
export interface Measured {
  readonly _tag: "Measured"
  readonly nowMs: number
  /** Commits behind the target; unknown until the publisher has told its index. */
  readonly lag: number | undefined
  /** Blocks waiting for the application. */
  readonly queue: number
  /** Commits that the blocks alone have confirmed so far: it only grows. */
  readonly derived: number
  /** Responses seen on the block stream so far: it only grows. */
  readonly blockResponses: number
  /** Blocks alone do not lead to the next commit (missing ancestors, unknown history): commits are needed. */
  readonly stalled: boolean
}

/** Something that the machine reacts to. */
export type Observation = Measured | { readonly _tag: "Connected" } | { readonly _tag: "Disconnected" }

/** Thresholds that the machine reads. */
export type Thresholds = Pick<
  SubscriberConfig,
  | "startCommitSyncLag"
  | "resumeBlocksLag"
  | "stopCommitSyncLag"
  | "pauseBlocksQueueSize"
  | "resumeBlocksQueueSize"
  | "handOverMs"
  | "maxPauseMs"
>

/** The machine at start-up (T0): blocks only; or overlap for ever, if commits cannot be derived from blocks. */
export const initial = (options: { readonly derives: boolean }): State => ({
  mode: options.derives ? "BlocksOnly" : "Overlap",
  paused: false,
  connected: false,
  blocksOn: false,
  commitsOn: false,
  derives: options.derives,
  derivedBefore: 0,
  caughtUpSinceMs: undefined,
  pausedSinceMs: undefined,
  probedAt: undefined
})

/**
 * One evaluation: at most one change of mode, then the commands that follow from it. Starts come before stops, so that
 * one stream takes over before the other ends.
 */
export const step = (
  state: State,
  observation: Observation,
  config: Thresholds
): readonly [State, ReadonlyArray<Command>] => {
  switch (observation._tag) {
    case "Connected":
      return command({ ...state, connected: true, blocksOn: false, commitsOn: false })
    case "Disconnected":
      // T8: mode and pause are kept, commands are replayed on the next connection.
      return [{ ...state, connected: false, blocksOn: false, commitsOn: false, probedAt: undefined }, []]
    case "Measured":
      return command(pause(changeMode(state, observation, config), observation, config))
  }
}

const changeMode = (state: State, measured: Measured, config: Thresholds): State => {
  const { lag, stalled } = measured
  if (lag === undefined) return state
  switch (state.mode) {
    case "BlocksOnly":
      // T1, and T7 below the threshold: nothing. A stall is treated like a lag.
      return lag >= config.startCommitSyncLag || (stalled && state.derives)
        ? { ...state, mode: "CommitsOnly" }
        : state
    case "CommitsOnly":
      // T2; T6 passes through here too: overlap is never skipped.
      return lag <= config.resumeBlocksLag
        ? { ...state, mode: "Overlap", derivedBefore: measured.derived, caughtUpSinceMs: undefined }
        : state
    case "Overlap":
      return changeOverlap(state, lag, measured, config)
  }
}

const changeOverlap = (state: State, lag: number, measured: Measured, config: Thresholds): State => {
  // T3b
  if (lag >= config.startCommitSyncLag) return { ...state, mode: "CommitsOnly", caughtUpSinceMs: undefined }
  if (lag > config.stopCommitSyncLag) return { ...state, caughtUpSinceMs: undefined }
  const since = state.caughtUpSinceMs ?? measured.nowMs
  const next = { ...state, caughtUpSinceMs: since }
  if (!state.derives || state.paused || measured.stalled) return next
  // T3: either the blocks have proved that they lead on, or there is nothing to wait for.
  const proved = measured.derived > state.derivedBefore
  return proved || measured.nowMs - since >= config.handOverMs
    ? { ...next, mode: "BlocksOnly", caughtUpSinceMs: undefined }
    : next
}

const pause = (state: State, measured: Measured, config: Thresholds): State => {
  const { blockResponses, nowMs, queue } = measured
  if (state.paused) {
    // T5
    if (queue <= config.resumeBlocksQueueSize) return { ...state, paused: false, pausedSinceMs: undefined }
    // While nothing is streamed nobody tells the lag: a long pause is probed by starting the blocks again.
    const since = state.pausedSinceMs ?? nowMs
    const probe = state.mode === "BlocksOnly" && nowMs - since >= config.maxPauseMs
    return probe ? { ...state, paused: false, pausedSinceMs: undefined, probedAt: blockResponses } : state
  }
  // T4; meaningless without a block stream. A probe lasts until it is answered.
  const probing = state.probedAt !== undefined && state.probedAt === blockResponses
  if (state.mode === "CommitsOnly" || probing || queue < config.pauseBlocksQueueSize) return state
  return { ...state, paused: true, pausedSinceMs: nowMs, probedAt: undefined }
}

const command = (state: State): readonly [State, ReadonlyArray<Command>] => {
  if (!state.connected) return [state, []]
  const blocksOn = state.mode !== "CommitsOnly" && !state.paused
  const commitsOn = state.mode !== "BlocksOnly"
  const commands: Array<Command> = []
  if (commitsOn && !state.commitsOn) commands.push("StartCommits")
  if (blocksOn && !state.blocksOn) commands.push("StartBlocks")
  if (!blocksOn && state.blocksOn) commands.push("StopBlocks")
  if (!commitsOn && state.commitsOn) commands.push("StopCommits")
  return [{ ...state, blocksOn, commitsOn }, commands]
}
