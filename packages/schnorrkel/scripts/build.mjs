// node scripts/build.mjs: builds rust/ with the pinned toolchain and writes src/module/Artefact.gen.ts.
// `build` answers the bytes, `toolchain` why this machine cannot build: other compilers make another, equally good, module.
import { execFile } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const artefact = join(folder, "src/module/Artefact.gen.ts")
const target = "wasm32-unknown-unknown"

/** Debian 12: `apt-get install rustc cargo libstd-rust-dev-wasm32 lld`. */
const pinned = { rustc: "1.63.0", llvm: "14.0.6", cargo: "1.65.0" }

const execute = promisify(execFile)
const run = async (command, args, options = {}) => (await execute(command, args, options)).stdout

/** The commands to build with, or the reason why there are none. `RUSTC` and `CARGO` name others than Debian's. */
export const toolchain = async () => {
  const rustc = process.env.RUSTC ?? "/usr/bin/rustc"
  const cargo = process.env.CARGO ?? "/usr/bin/cargo"
  const wanted = `rustc ${pinned.rustc} with LLVM ${pinned.llvm}, cargo ${pinned.cargo} and the target ${target}`
  try {
    const compiler = await run(rustc, ["--version", "--verbose"])
    const manager = await run(cargo, ["--version"])
    const library = join((await run(rustc, ["--print", "sysroot"])).trim(), "lib/rustlib", target)
    const fits =
      compiler.includes(`release: ${pinned.rustc}`) &&
      compiler.includes(`LLVM version: ${pinned.llvm}`) &&
      manager.startsWith(`cargo ${pinned.cargo}`) &&
      existsSync(library)
    return fits ? { rustc, cargo } : { why: `${rustc} and ${cargo} are not ${wanted}` }
  } catch (error) {
    return { why: `it takes ${wanted}: ${error.message.split("\n")[0]}` }
  }
}

/** The crates are not there, and cannot be had. */
export class Unfetched extends Error {}

/** The crates of `Cargo.lock`, fetched by whatever cargo comes first: that of Debian speaks to git indexes only. */
const vendor = async (work) => {
  const fetcher = process.env.CARGO_FETCH ?? "cargo"
  try {
    await run(fetcher, ["vendor", "--locked", "--quiet", "vendor"], { cwd: work })
  } catch (error) {
    throw new Unfetched(`${fetcher} cannot fetch the crates: ${error.stderr ?? error.message}`)
  }
  mkdirSync(join(work, ".cargo"))
  writeFileSync(
    join(work, ".cargo/config.toml"),
    `[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n`
  )
}

/** Builds in a directory of its own and answers the module. Takes a minute. */
export const build = async ({ cargo, rustc }) => {
  const work = mkdtempSync(join(tmpdir(), "ephor-schnorrkel-"))
  try {
    for (const name of ["Cargo.toml", "Cargo.lock", "src"])
      cpSync(join(folder, "rust", name), join(work, name), { recursive: true })
    await vendor(work)
    const flags = ["--cfg", 'curve25519_dalek_bits="32"', `--remap-path-prefix=${work}=/schnorrkel`]
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(CARGO|RUST)/.test(name))
    )
    await run(cargo, ["build", "--release", "--locked", "--offline", "--quiet", "--target", target], {
      cwd: work,
      env: {
        ...inherited,
        CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
        CARGO_HOME: join(work, "home"),
        RUSTC: rustc
      }
    })
    return readFileSync(join(work, "target", target, "release/ephor_schnorrkel.wasm"))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The file that embeds a module. */
export const embedded = (bytes) =>
  `/** Built from \`rust/\` by \`scripts/build.mjs\`: ${bytes.length} bytes of WebAssembly. */\n` +
  `export const artefact =\n  "${bytes.toString("base64")}"\n`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tools = await toolchain()
  if (tools.why !== undefined) {
    process.stderr.write(`cannot build: ${tools.why}\n`)
    process.exit(1)
  }
  writeFileSync(artefact, embedded(await build(tools)))
}
