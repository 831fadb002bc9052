import { suite } from "./support/observerSeeds.ts"

suite(376, 500)
