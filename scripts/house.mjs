// The front door: every npm script comes through here. Runs on Node >= 20 with npm alone: it installs the workspace
// with a pinned pnpm, and runs everything else on the Node 24 that the workspace brings along.
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const state = join(root, ".house")
const node = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node")
const pnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager
const bin = (name) => join(root, "node_modules", ".bin", name)

/** Progress goes to stderr: stdout belongs to the command. */
const say = (text) => process.stderr.write(`${text}\n`)

const environment = () => ({
  ...process.env,
  // Settings of an npm that wraps this run must not reach the npm and pnpm below it.
  ...Object.fromEntries(
    Object.keys(process.env)
      .filter((k) => /^npm_/i.test(k))
      .map((k) => [k, undefined])
  ),
  // turbo runs the scripts of packages through pnpm, which the workspace brings along as well.
  PATH: [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  TURBO_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1"
})

/** Runs to the end; on failure says what failed and leaves with its code. */
const run = (label, command, args, options = {}) => {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: environment(),
    ...options
  })
  if (result.status !== 0) {
    say(
      `${label} failed${result.error ? `: ${result.error.message}` : ""} (exit ${result.status ?? result.signal})`
    )
    process.exit(result.status ?? 1)
  }
}

/** Hands the terminal over to a command and ends as it ends. */
const become = (command, args) => {
  const child = spawn(command, args, { cwd: root, stdio: "inherit", env: environment() })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => {
    say(`cannot start ${command}: ${error.message}`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)))
}

const fingerprint = (files) => {
  const hash = createHash("sha256")
  for (const file of files) hash.update(readFileSync(join(root, file)))
  return hash.digest("hex")
}

const install = () => {
  const stamp = join(state, "installed")
  const now = fingerprint(["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"])
  if (existsSync(node) && existsSync(stamp) && readFileSync(stamp, "utf8") === now) return
  say("installing the workspace (first run only)")
  run("install", "npx", ["--yes", pnpm, "install", "--frozen-lockfile", "--reporter=append-only"])
  mkdirSync(state, { recursive: true })
  writeFileSync(stamp, now)
}

const turbo = (label, args) =>
  run(label, node, [
    join(root, "node_modules", "turbo", "bin", "turbo"),
    "run",
    ...args,
    "--output-logs=errors-only"
  ])

const build = () => turbo("build", ["build"])

const rest = process.argv.slice(3)
switch (process.argv[2]) {
  case "install":
    install()
    break
  case "build":
    install()
    build()
    break
  case "devnet":
    install()
    build()
    become(node, [join(root, "apps", "node", "dist", "bin.js"), "devnet", ...rest])
    break
  case "check":
    install()
    turbo("type check", ["check"])
    break
  case "lint":
    install()
    run("lint", bin("oxlint"), ["--deny-warnings"])
    run("promises", bin("oxlint"), ["--deny-warnings", "--type-aware", "-c", ".oxlintrc.promises.json"])
    run("format check", bin("oxfmt"), ["--check"])
    break
  case "format":
    install()
    run("format", bin("oxfmt"), ["--write", ...rest])
    break
  case "test":
    install()
    become(node, [join(root, "scripts", "test.mjs"), ...rest])
    break
  case "bench":
    install()
    become(node, [join(root, "scripts", "bench.mjs"), ...rest])
    break
  default:
    say("usage: node scripts/house.mjs install | build | devnet | check | lint | format | test | bench")
    process.exit(1)
}
