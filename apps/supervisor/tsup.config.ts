import { defineConfig } from "tsup"
import base from "../../tsup.base.ts"

/** What others import. The binary is in `tsup.bundle.config.ts`. */
export default defineConfig({ ...base, entry: ["src/index.ts"] })
