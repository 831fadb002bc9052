/**
 * The life of a dispute: active, confirmed by more than `f` voters, concluded for or against the candidate. Concluded
 * against overrides everything.
 */
import type { DisputeStatus } from "@ephor/types"

/** A dispute that just began. */
export const active: DisputeStatus = { _tag: "Active" }

/** More than `f` validators have voted: the dispute is no spam. */
export const confirm = (status: DisputeStatus): DisputeStatus =>
  status._tag === "Active" ? { _tag: "Confirmed" } : status

/** A supermajority found the candidate valid, at a time in seconds. The earlier of two times stays. */
export const concludeFor = (status: DisputeStatus, now: number): DisputeStatus => {
  switch (status._tag) {
    case "ConcludedAgainst":
      return status
    case "ConcludedFor":
      return { _tag: "ConcludedFor", value: Math.min(status.value, now) }
    default:
      return { _tag: "ConcludedFor", value: now }
  }
}

/** A supermajority found the candidate invalid, at a time in seconds. The earlier of two times stays. */
export const concludeAgainst = (status: DisputeStatus, now: number): DisputeStatus => ({
  _tag: "ConcludedAgainst",
  value:
    status._tag === "ConcludedFor" || status._tag === "ConcludedAgainst" ? Math.min(status.value, now) : now
})

/** The candidate may turn out, or has turned out, to be invalid: nothing above it may be finalized. */
export const isPossiblyInvalid = (status: DisputeStatus): boolean => status._tag !== "ConcludedFor"

/** How long a concluded dispute still counts as active, in seconds. */
export const activeDurationSeconds = 180

/** Concluded longer ago than `activeDurationSeconds`. */
export const isInactive = (status: DisputeStatus, now: number): boolean =>
  (status._tag === "ConcludedFor" || status._tag === "ConcludedAgainst") &&
  status.value + activeDurationSeconds < now
