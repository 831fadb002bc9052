import { defineConfig } from "vitest/config"

const conditions = ["ephor-source"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // Only against what hangs: a slow machine fails nobody.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    execArgv: ["--conditions=ephor-source"]
  }
})
