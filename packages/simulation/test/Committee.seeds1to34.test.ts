import { suite } from "./support/committeeSeeds.ts"

suite(1, 34)
