import { suite } from "./support/observerSeeds.ts"

suite(1, 125)
