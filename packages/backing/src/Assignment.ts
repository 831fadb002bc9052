/**
 * What one validator is to work on at a relay parent: its group, the core the group serves now, and the para
 * scheduled there.
 */
import {
  type CoreState,
  groupForCore,
  type ParaId,
  type ScheduledCore,
  type ValidatorIndex
} from "@ephor/types"
import type { RuntimeApi } from "@ephor/chain"

/** A group with the core it serves and the para it may back there. */
export interface Assignment {
  readonly group: number
  readonly core: number
  readonly paraId: ParaId
  readonly members: ReadonlyArray<ValidatorIndex>
  /** The only collator whose candidate counts, if the core is reserved. */
  readonly requiredCollator: `0x${string}` | null
}

/** The group a validator is in, if any. */
export const groupOf = (
  groups: ReadonlyArray<ReadonlyArray<ValidatorIndex>>,
  validator: ValidatorIndex
): number | undefined => {
  const found = groups.findIndex((group) => group.includes(validator))
  return found === -1 ? undefined : found
}

/**
 * What may use each core next, if anything. An occupied core counts with what is next when its candidate becomes
 * available, which is the usual way to free it.
 */
export const scheduledParas = (cores: ReadonlyArray<CoreState>): ReadonlyArray<ScheduledCore | null> =>
  cores.map((state) =>
    state._tag === "Scheduled"
      ? state.value
      : state._tag === "Occupied"
        ? state.value.nextUpOnAvailable
        : null
  )

/** Everything that may be backed in a child of the relay parent: for each scheduled core, its group. */
export const assignments = (
  cores: ReadonlyArray<CoreState>,
  { groups, rotation }: RuntimeApi.ValidatorGroups
): ReadonlyArray<Assignment> =>
  scheduledParas(cores).flatMap((scheduled, core) => {
    const group = groupForCore(rotation, core, cores.length)
    const members = groups[group]
    if (scheduled === null || members === undefined) return []
    return [{ group, core, paraId: scheduled.paraId, members, requiredCollator: scheduled.collator }]
  })

/**
 * The place of a member in the order in which its group seconds at a relay parent, the first is 0. The order moves on with
 * every block, so that nobody can keep a group from seconding for long.
 */
export const turnOf = (
  { members }: Pick<Assignment, "members">,
  validator: ValidatorIndex,
  relayParentNumber: number
): number => {
  const { length } = members
  return (members.indexOf(validator) + length - (relayParentNumber % length)) % length
}

/** What a validator may second, if its group serves a scheduled core. */
export const assignmentOf = (
  all: ReadonlyArray<Assignment>,
  validator: ValidatorIndex
): Assignment | undefined => all.find(({ members }) => members.includes(validator))
