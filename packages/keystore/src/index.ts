export * as Keystore from "./Keystore.ts"
export * as Metrics from "./Metrics.ts"
export * as Signatures from "./Signatures.ts"
