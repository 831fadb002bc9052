import { suite } from "./support/observerSeeds.ts"

suite(126, 250)
