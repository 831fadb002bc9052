/** Runs the binary from its sources, as a person would run it. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as FreePort from "../src/devnet/FreePort.ts"

const root = join(import.meta.dirname, "..", "..", "..")
/** Sources of the two binaries. */
export const bins = {
  node: join(root, "apps/node/src/bin.ts"),
  supervisor: join(root, "apps/supervisor/src/bin.ts")
}

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running process. */
export const start = (bin: keyof typeof bins, args: ReadonlyArray<string>, input = "") =>
  follow(["--conditions=ephor-source", bins[bin], ...args], input)

/** The same of what a build has made. */
export const startBuilt = (bin: keyof typeof bins, args: ReadonlyArray<string>) =>
  follow([join(root, "apps", bin, "dist", "bin.js"), ...args], "")

const follow = (args: ReadonlyArray<string>, input: string) => {
  const child = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] }
  })
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk) => (stdout += chunk))
  child.stderr.on("data", (chunk) => (stderr += chunk))
  child.stdin.end(input)
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  )
  return {
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    ended,
    output: () => stderr,
    stdout: () => stdout,
    pid: child.pid!
  }
}

/** Runs a process to its end. */
export const run = (bin: keyof typeof bins, args: ReadonlyArray<string>, input = "") =>
  start(bin, args, input).ended

/** What a relay of a publisher is started with; its figures are at the admin port. */
export const relayArgsOf = (relay: {
  readonly from: number
  readonly committee: string
  readonly dataDir: string
  readonly port: number
  readonly adminPort: number
}): ReadonlyArray<string> => [
  "relay",
  "--from",
  `127.0.0.1:${relay.from}`,
  "--committee",
  relay.committee,
  "--data-dir",
  relay.dataDir,
  "--stream-port",
  String(relay.port),
  "--admin-port",
  String(relay.adminPort),
  "--log-format",
  "json"
]

/** A directory for one test. */
export const temporary = () => {
  const path = mkdtempSync(join(tmpdir(), "ephor-test-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port for a process that is told where to listen. */
export const freePort = () => Effect.runPromise(FreePort.freePort("127.0.0.1"))

/** Asks again and again until there is an answer that is not undefined; gives up after a minute. */
export const eventually = async <A>(what: string, ask: () => Promise<A | undefined>): Promise<A> => {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`${what} did not happen within a minute`)
}

/** JSON from a URL. */
export const getJson = async (url: string): Promise<any> => (await fetch(url)).json()
