/**
 * Which sessions still count. Disputes of older ones are neither stored nor voted on.
 */
import type { SessionIndex } from "@ephor/types"

/** Sessions for which votes are kept; at least a day's worth (dispute-coordinator, "Functionality"). */
export const disputeWindow = 6

/**
 * The oldest session that counts. The window includes the highest session, as today's implementations count; the
 * seed's `highest - DISPUTE_WINDOW` keeps one more.
 */
export const oldestSession = (
  highest: SessionIndex,
  window: number = disputeWindow,
  era: "current" | "seed" = "current"
): SessionIndex => Math.max(0, highest - (era === "seed" ? window : window - 1))

/** Whether a session is too old to count. */
export const isAncient = (
  session: SessionIndex,
  highest: SessionIndex,
  window: number = disputeWindow,
  era: "current" | "seed" = "current"
): boolean => session < oldestSession(highest, window, era)
