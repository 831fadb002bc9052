export * as Metrics from "./Metrics.ts"
export * as Store from "./Store.ts"
export * as Table from "./Table.ts"
