import { cpSync } from "node:fs"
import { basename } from "node:path"
import { defineConfig } from "tsup"
import { deepImportsPlugin } from "./scripts/deep-imports.mjs"

/** Packages with native code, and optional ones that are tried for and not missed. */
const outside = ["lmdb", "bufferutil", "utf-8-validate"]

/**
 * A binary with everything it needs, in a few files: `bin.js`, which turns on the compile cache, the program with what every
 * command needs, and a chunk for what only one command needs.
 *
 * `beside` are sources that are started by their URL next to whoever starts them: worker threads and child processes. Each
 * becomes a file of its own name.
 */
export const bundle = (beside: ReadonlyArray<string>) =>
  defineConfig({
    entry: {
      bin: "src/bin.ts",
      ...Object.fromEntries(beside.map((path) => [basename(path, ".ts"), path]))
    },
    format: "esm",
    target: "node22",
    platform: "node",
    splitting: true,
    treeshake: false,
    sourcemap: false,
    // The library is built first and has cleaned up.
    clean: false,
    dts: false,
    silent: true,
    // The page of the admin port lies beside the program, and costs nothing until somebody asks for it.
    onSuccess: async () => cpSync("../../packages/console/dist", "dist/console", { recursive: true }),
    removeNodeProtocol: false,
    noExternal: [new RegExp(`^(?!node:|(${outside.join("|")})$)`)],
    external: outside,
    // Chunks are made of files: whoever looked through a barrel would load all that is behind it.
    esbuildPlugins: [deepImportsPlugin],
    esbuildOptions: (options) => {
      options.conditions = ["ephor-source"]
      // CommonJS among the dependencies asks for modules of Node.
      options.banner = {
        js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);'
      }
      options.legalComments = "external"
    }
  })
