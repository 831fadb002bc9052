export * as NativePvf from "./NativePvf.ts"
