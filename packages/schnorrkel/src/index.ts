export * as Checks from "./Checks.ts"
export * as Schnorrkel from "./Schnorrkel.ts"
