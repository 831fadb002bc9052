export * from "./Primitives.ts"
export * from "./Block.ts"
export * from "./SafetyLevel.ts"
export * from "./Receipt.ts"
