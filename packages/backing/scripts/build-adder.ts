/**
 * Compiles the adder's validation function and writes it as a module (`--check` only compares).
 * The same compiler makes the same bytes, so the committed module can be checked against its source.
 */
import { main } from "assemblyscript/asc"
import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

const target = new URL("../src/adder/adder.gen.ts", import.meta.url)
const flags = ["--outFile", "module.wasm", "--runtime", "stub", "--use", "abort=", "-O3"]

/** The WebAssembly bytes of `assembly/adder`. */
export const compile = async (): Promise<Uint8Array> => {
  let wasm: Uint8Array | undefined
  const { error, stderr } = await main(["assembly/adder/index.ts", ...flags], {
    readFile: (name: string, base: string) =>
      readFile(new URL(`../${base}/${name}`, import.meta.url), "utf8").catch(() => null),
    writeFile: (_: string, contents: Uint8Array | string) => {
      if (typeof contents !== "string") wasm = contents
    },
    listFiles: () => []
  })
  if (error !== null || wasm === undefined) throw new Error(`${error?.message}\n${stderr.toString()}`)
  return wasm
}

/** The text of the generated module. */
export const render = (wasm: Uint8Array): string =>
  `/** Built from \`assembly/adder\` by \`npm run build:adder\`: do not edit. */
export default "${Buffer.from(wasm).toString("base64")}"
`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = render(await compile())
  if (!process.argv.includes("--check")) await writeFile(target, text)
  else if ((await readFile(target, "utf8")) !== text) {
    throw new Error("src/adder/adder.gen.ts is not what assembly/adder compiles to: run build:adder")
  }
}
