import { suite } from "./support/observerSeeds.ts"

suite(251, 375)
