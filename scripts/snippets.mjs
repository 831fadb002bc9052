/** The snippets of a README that run: those whose first line is `// run`. */
import { readFileSync } from "node:fs"

/** Their texts, in their order. */
export const snippetsOf = (file) =>
  [...readFileSync(file, "utf8").matchAll(/^```ts\n(\/\/ run[\s\S]*?)^```/gm)].map((match) => match[1])
