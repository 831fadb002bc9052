import { suite } from "./support/stormSeeds.ts"

suite(1, 34)
