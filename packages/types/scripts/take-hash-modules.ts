/**
 * Takes the two WebAssembly modules that `src/Hashing.ts` runs out of `hash-wasm`, which hands out no bytes and whose own
 * interface cannot be made without waiting. The committed module can be compared with what the package holds.
 */
import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

const target = new URL("../src/hashing/modules.gen.ts", import.meta.url)

/** Names of the modules in `hash-wasm`, by ours. */
const modules = { blake2b: "blake2b", keccak: "sha3" } as const

const take = (bundle: string, name: string): string => {
  const found = new RegExp(`var name\\$\\w+ = "${name}";\\s*var data\\$\\w+ = "([A-Za-z0-9+/=]+)";`).exec(
    bundle
  )
  if (found === null) throw new Error(`hash-wasm holds no module ${name}: look for it in its bundle`)
  return found[1]!
}

/** The text of the generated module. */
export const render = async (): Promise<string> => {
  const bundle = await readFile(new URL("./index.esm.js", import.meta.resolve("hash-wasm")), "utf8")
  const constants = Object.entries(modules).map(
    ([ours, theirs]) => `export const ${ours} =\n  "${take(bundle, theirs)}"\n`
  )
  return `/** Taken out of hash-wasm (MIT, Dani Biró) by \`npm run build:hashing\`: do not edit. */\n${constants.join("")}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(target, await render())
