import { defineConfig } from "tsup"
import { deepImportsPlugin } from "./scripts/deep-imports.mjs"

/** One file per module, so that importing one noun does not load the others. Declarations come from tsc. */
export default defineConfig({
  entry: ["src/**/*.ts"],
  format: "esm",
  target: "node22",
  platform: "node",
  splitting: true,
  sourcemap: true,
  clean: true,
  dts: false,
  esbuildPlugins: [deepImportsPlugin],
  silent: true
})
