export * as EthRpc from "./EthRpc.ts"
export * as Metrics from "./Metrics.ts"
