/**
 * What peers gain and lose by what they send us, and when they are no longer listened to.
 */

/** Changes for what a peer sent, as the first statement distribution of 2020 has them. */
export const changes = {
  /** Not wanted from this peer now, such as a statement outside of our view. */
  unexpected: -100,
  /** A signature that does not verify. */
  badSignature: -500,
  /** The same thing again. */
  duplicate: -250,
  /** More than any honest peer sends. */
  flood: -1000,
  /** Useful, but known. */
  valid: 5,
  /** Useful and new. */
  validFirst: 25,
  /** Small offence (a thousandth of today's scale, as all of the following). */
  minor: -100,
  minorRepeated: -200,
  /** Grave offence. */
  major: -300,
  majorRepeated: -600,
  /** Nobody does this by accident: banned at once. */
  malicious: -(2 ** 31),
  /** Small service. */
  benefitMinor: 10,
  benefitMinorFirst: 15,
  /** Great service. */
  benefitMajor: 200,
  benefitMajorFirst: 300
} as const

/** How reputation moves. */
export interface ReputationLimits {
  /** A peer whose reputation is below is disconnected and refused. */
  readonly banThreshold: number
  /** Part of the reputation that is forgotten every second, so that bans end. */
  readonly decayPerSecond: number
}

/** Ten floods or twenty bad signatures ban; half is forgotten in about 138 s, a malicious peer is back in 41 minutes. */
export const defaults: ReputationLimits = { banThreshold: -10_000, decayPerSecond: 0.005 }

const bound = 2 ** 31

/** The reputation of one peer at one moment. */
export interface Reputation {
  readonly value: number
  readonly atMs: number
}

/** Nothing is known of the peer. */
export const unknown: Reputation = { value: 0, atMs: 0 }

/** What the reputation is worth now. */
export const valueAt = (self: Reputation, nowMs: number, limits: ReputationLimits = defaults): number => {
  const seconds = Math.max(0, nowMs - self.atMs) / 1000
  return Math.trunc(self.value * (1 - limits.decayPerSecond) ** seconds)
}

/** The reputation after a change, within the 32-bit range. */
export const change = (
  self: Reputation,
  by: number,
  nowMs: number,
  limits: ReputationLimits = defaults
): Reputation => ({
  value: Math.min(bound - 1, Math.max(-bound, valueAt(self, nowMs, limits) + by)),
  atMs: nowMs
})

/** Whether the peer is to be refused now. */
export const isBanned = (self: Reputation, nowMs: number, limits: ReputationLimits = defaults): boolean =>
  valueAt(self, nowMs, limits) < limits.banThreshold

/** Milliseconds until the peer is no longer refused, if it does nothing more; 0 if it is not refused. */
export const banRemainingMs = (
  self: Reputation,
  nowMs: number,
  limits: ReputationLimits = defaults
): number => {
  const value = valueAt(self, nowMs, limits)
  if (value >= limits.banThreshold) return 0
  if (limits.decayPerSecond <= 0 || limits.banThreshold >= 0) return Number.POSITIVE_INFINITY
  return Math.ceil((Math.log(limits.banThreshold / value) / Math.log(1 - limits.decayPerSecond)) * 1000)
}
