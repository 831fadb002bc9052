/**
 * May a message that was initiated on one chain be executed on another? Only configuration and times decide here;
 * whether the message exists is the logs database's business.
 */
import type { ChainId, Timestamp } from "@ephor/types"
import * as DependencySet from "./DependencySet.ts"
import * as RollupConfig from "./RollupConfig.ts"

/** What the check needs to know, free of files. */
export interface LinkRules {
  readonly has: (chain: ChainId) => boolean
  readonly isInterop: (chain: ChainId, timestamp: Timestamp) => boolean
  readonly isActivationBlock: (chain: ChainId, timestamp: Timestamp) => boolean
  /** Seconds for which a message may be executed. */
  readonly expiryWindow: number
}

/** The rules of a dependency set and its rollup configs. A chain must be in both. */
export const make = (set: DependencySet.DependencySet, configs: RollupConfig.RollupConfigSet): LinkRules => {
  const config = (chain: ChainId) => (Object.hasOwn(configs, chain) ? configs[chain] : undefined)
  return {
    has: (chain) => DependencySet.has(set, chain) && config(chain) !== undefined,
    isInterop: (chain, timestamp) => {
      const found = config(chain)
      return found !== undefined && RollupConfig.isInterop(found, timestamp)
    },
    isActivationBlock: (chain, timestamp) => {
      const found = config(chain)
      return found !== undefined && RollupConfig.isActivationBlock(found, timestamp)
    },
    expiryWindow: DependencySet.expiryWindow(set)
  }
}

/** One end of a message. */
export interface LinkEnd {
  readonly chainId: ChainId
  readonly timestamp: Timestamp
}

/**
 * Whether `executing` may refer to `initiating`: both chains known, both blocks with interop and not the activation
 * block, initiated not later than executed, and executed before the message expires. Both ends may be one chain.
 */
export const canExecute = (rules: LinkRules, executing: LinkEnd, initiating: LinkEnd): boolean => {
  const open = ({ chainId, timestamp }: LinkEnd) =>
    rules.has(chainId) && rules.isInterop(chainId, timestamp) && !rules.isActivationBlock(chainId, timestamp)
  return (
    open(executing) &&
    open(initiating) &&
    initiating.timestamp <= executing.timestamp &&
    executing.timestamp - initiating.timestamp <= rules.expiryWindow
  )
}
