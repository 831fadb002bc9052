// Requires the modules that it is given, as CommonJS of the package in the working directory would.
import { createRequire } from "node:module"
import { join } from "node:path"

const require = createRequire(join(process.cwd(), "program.cjs"))
for (const name of process.argv.slice(2)) require(name)
