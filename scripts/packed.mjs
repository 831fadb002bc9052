// What users get: every public package as a tarball, installed into an empty project by npm and by pnpm. There every README
// snippet is type-checked and run, every contract suite runs, and the binaries start. Each is one check; the report goes to
// `.house/packed.json`. Needs a build.
import { spawn } from "node:child_process"
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { snippetsOf } from "./snippets.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const scratch = mkdtempSync(join(tmpdir(), "ephor-packed-"))
const checks = { passed: 0, failed: 0 }

const check = (name, ok, output = "") => {
  if (ok) checks.passed++
  else {
    checks.failed++
    console.log(`FAILED ${name}\n${output.trim().slice(-4000)}`)
  }
}

/** Runs to the end and answers how it ended, with all that was printed. */
const run = (command, args, cwd, timeout = 120_000) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd, timeout, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let stdout = ""
    child.stdout.on("data", (data) => ((output += data), (stdout += data)))
    child.stderr.on("data", (data) => (output += data))
    child.on("error", (error) => resolve({ ok: false, output: error.message, stdout }))
    child.on("close", (code) => resolve({ ok: code === 0, output, stdout }))
  })

/** A few at a time. */
const each = async (items, use) => {
  const waiting = [...items]
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await use(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

const manifests = globSync(["packages/*/package.json", "apps/*/package.json"], { cwd: root })
  .sort()
  .map((file) => ({ dir: dirname(file), json: JSON.parse(readFileSync(join(root, file), "utf8")) }))
  .filter(({ json }) => json.private !== true)
const pnpm = [join(root, "node_modules", "pnpm", "bin", "pnpm.mjs")]

const packed = join(scratch, "tarballs")
mkdirSync(packed)
const tarballs = {}
await each(manifests, async ({ dir, json }) => {
  const { ok, output } = await run(
    process.execPath,
    [...pnpm, "pack", "--pack-destination", packed],
    join(root, dir)
  )
  check(`pack ${json.name}`, ok, output)
  const file = `${json.name.slice(1).replace("/", "-")}-${json.version}.tgz`
  if (existsSync(join(packed, file))) tarballs[json.name] = `file:${join(packed, file)}`
})

/** Pinned as in the workspace. */
const tools = {}
for (const name of [
  "@effect/platform-node",
  "@effect/vitest",
  "@types/node",
  "effect",
  "typescript",
  "vitest"
])
  tools[name] = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version
// What only some need of a package: the stores on disk of the suites.
tools.lmdb = JSON.parse(
  readFileSync(join(root, "packages", "store", "node_modules", "lmdb", "package.json"), "utf8")
).version

const snippets = ["README.md", ...globSync("{packages,apps}/*/README.md", { cwd: root }).sort()].flatMap(
  (readme) =>
    snippetsOf(join(root, readme)).map((text, i) => ({
      name: `${readme === "README.md" ? "root" : basename(dirname(readme))}-${i + 1}`,
      text
    }))
)

const compilerOptions = {
  target: "es2023",
  lib: ["es2023", "dom", "dom.iterable", "esnext.disposable"],
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  types: ["node"],
  skipLibCheck: false
}

/** An empty project with all packages, as one manager installs them. */
const project = async (manager, install) => {
  const folder = join(scratch, manager)
  mkdirSync(folder)
  const write = (file, content) => writeFileSync(join(folder, file), content)
  write(
    "package.json",
    JSON.stringify({ name: "packed", private: true, type: "module", dependencies: { ...tarballs, ...tools } })
  )
  // Nothing of ours is in the registry: what the packages ask for is what lies here.
  write(
    "pnpm-workspace.yaml",
    `${["overrides:", ...Object.entries(tarballs).map(([name, file]) => `  "${name}": "${file}"`)].join("\n")}\nignoredBuiltDependencies: [lmdb, msgpackr-extract, esbuild]\nstrictDepBuilds: false\npmOnFail: ignore\n`
  )
  const installed = await run(...install, folder, 240_000)
  check(`${manager}: install`, installed.ok, installed.output)
  if (!installed.ok) return
  for (const { name, text } of snippets) write(`${name}.ts`, text)
  cpSync(join(root, "scripts", "packed", "suites.test.ts"), join(folder, "suites.test.ts"))
  write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts"] }))
  const tsc = join(folder, "node_modules", "typescript", "bin", "tsc")
  const types = await run(process.execPath, [tsc, "-p", "."], folder)
  check(`${manager}: type check of what is installed`, types.ok, types.output)
  for (const file of [...snippets.map(({ name }) => `${name}.ts`), "suites.test.ts"])
    check(`${manager}: types of ${file}`, !types.output.includes(`${file}(`), types.output)
  await each(snippets, async ({ name }) => {
    const { ok, output, stdout } = await run(process.execPath, [`${name}.ts`], folder)
    check(`${manager}: ${name}`, ok && stdout.trim() !== "", output)
  })
  const vitest = join(folder, "node_modules", "vitest", "vitest.mjs")
  const suites = await run(
    process.execPath,
    [vitest, "run", "--reporter=json", "--outputFile=report.json", "suites.test.ts"],
    folder
  )
  const report = existsSync(join(folder, "report.json"))
    ? JSON.parse(readFileSync(join(folder, "report.json"), "utf8"))
    : { numPassedTests: 0, numFailedTests: 0 }
  checks.passed += report.numPassedTests
  checks.failed += report.numFailedTests
  check(`${manager}: contract suites`, suites.ok && report.numPassedTests > 0, suites.output)
  for (const name of ["ephor-node", "ephor-supervisor"]) {
    const { ok, output } = await run(join(folder, "node_modules", ".bin", name), ["--version"], folder)
    check(`${manager}: ${name} --version`, ok, output)
  }
}

/** Most that a chain takes on disk with all that it needs: three quarters of it is effect. */
const maxChainBytes = 70_000_000

const bytesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { name, parentPath }) => sum + statSync(join(parentPath, name)).size, 0)

/** The chain by itself, as small as it is said to be. */
const chainAlone = async () => {
  const folder = join(scratch, "chain")
  mkdirSync(folder)
  const needed = ["chain", "store", "types"].map((name) => [`@ephor/${name}`, tarballs[`@ephor/${name}`]])
  const dependencies = { ...Object.fromEntries(needed), effect: tools.effect }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "chain", private: true, dependencies }))
  const { ok, output } = await run(npm[0], npm[1], folder, 120_000)
  const bytes = ok ? bytesIn(join(folder, "node_modules")) : 0
  check("size of @ephor/chain", ok && bytes <= maxChainBytes, `${bytes} bytes\n${output}`)
  console.log(`@ephor/chain takes ${(bytes / 1e6).toFixed(1)} MB with effect`)
}

const npm = ["npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"]]

try {
  await chainAlone()
  await project("npm", npm)
  await project("pnpm", [process.execPath, [...pnpm, "install", "--prefer-offline", "--no-frozen-lockfile"]])
} finally {
  if (process.env.KEEP_PACKED !== "1") rmSync(scratch, { recursive: true, force: true })
  else console.log(scratch)
}
mkdirSync(join(root, ".house"), { recursive: true })
writeFileSync(join(root, ".house", "packed.json"), JSON.stringify(checks))
console.log(`packed: ${checks.passed} passed, ${checks.failed} failed`)
process.exit(checks.failed === 0 ? 0 : 1)
