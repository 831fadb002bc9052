import { suite } from "./support/stormSeeds.ts"

suite(68, 100)
