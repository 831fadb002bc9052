import { suite } from "./support/stormSeeds.ts"

suite(35, 67)
