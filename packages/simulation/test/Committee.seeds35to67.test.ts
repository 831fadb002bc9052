import { suite } from "./support/committeeSeeds.ts"

suite(35, 67)
