import { suite } from "./support/committeeSeeds.ts"

suite(68, 100)
