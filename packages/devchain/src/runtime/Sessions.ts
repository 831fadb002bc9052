/** How heights, sessions and groups of the development runtime belong together. */
import type { GroupRotationInfo, SessionIndex } from "@ephor/types"
import type { Options } from "../DevRuntime.ts"

/** The session of a height. */
export const sessionAt = (options: Options, number: number): SessionIndex =>
  Math.floor(number / options.sessionLengthBlocks)

/** How groups stand for a candidate whose relay parent has this height: as in the block that builds on it. */
export const rotationAfter = (options: Options, number: number): GroupRotationInfo => ({
  sessionStartBlock: sessionAt(options, number + 1) * options.sessionLengthBlocks,
  groupRotationFrequency: options.groupRotationFrequency,
  now: number + 1
})
