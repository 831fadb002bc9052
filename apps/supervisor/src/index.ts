export * as ChainSets from "./ChainSets.ts"
export * as Extension from "./Extension.ts"
export * as Program from "./Program.ts"
export { environmentPrefixes, settings, type SupervisorConfig } from "./SupervisorConfig.ts"
