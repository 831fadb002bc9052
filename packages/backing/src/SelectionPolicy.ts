/**
 * Which of several candidates a validator proposes: three of the policies the protocol leaves open. (Overseer
 * protocol, candidate selection; the first is what Polkadot shipped.)
 */

/** Times are milliseconds from the activation of the relay parent. */
export type SelectionPolicy =
  /** The first one to arrive. */
  | { readonly _tag: "First" }
  /** The first one after `delayMs`, or the last one that came before twice that. */
  | { readonly _tag: "Delay"; readonly delayMs: number }
  /** A random one of those that came within `windowMs`. */
  | { readonly _tag: "Window"; readonly windowMs: number }

/** The shipped policy. */
export const first: SelectionPolicy = { _tag: "First" }

/** Candidates that have come and not been taken, in order. */
export type Waiting<Candidate> = ReadonlyArray<Candidate>

/** When the policy decides among what is waiting, if it has not taken one before. */
export const deadlineMs = (policy: SelectionPolicy): number =>
  policy._tag === "First" ? 0 : policy._tag === "Delay" ? 2 * policy.delayMs : policy.windowMs

/** Whether a candidate that arrives `elapsedMs` after activation is taken at once. */
export const takesNow = (policy: SelectionPolicy, elapsedMs: number): boolean =>
  policy._tag === "First" ||
  elapsedMs >= deadlineMs(policy) ||
  (policy._tag === "Delay" && elapsedMs >= policy.delayMs)

/** The choice at the deadline. `random` is a whole number from 0: the window takes `random mod count`. */
export const atDeadline = <Candidate>(
  policy: SelectionPolicy,
  waiting: Waiting<Candidate>,
  random: number
): Candidate | undefined =>
  policy._tag === "Window"
    ? waiting[random % Math.max(1, waiting.length)]
    : policy._tag === "Delay"
      ? waiting.at(-1)
      : waiting[0]
