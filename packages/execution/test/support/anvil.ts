/** A real execution client for tests, on a free port, gone with its scope. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { createRequire } from "node:module"

const binary = createRequire(import.meta.url).resolve("@foundry-rs/anvil/bin.mjs")

/** Starts an anvil; the answer is the address of its JSON-RPC. */
export const startAnvil = (...flags: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly stop: () => Promise<void> }>((resume) => {
      const child = spawn(
        process.execPath,
        [binary, ...(flags.includes("--port") ? [] : ["--port", "0"]), ...flags],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      const stop = () => {
        child.kill("SIGTERM")
        return gone
      }
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text
        const address = /Listening on (\S+:\d+)/.exec(printed)?.[1]
        if (address !== undefined) resume(Effect.succeed({ url: `http://${address}`, stop }))
      })
      child.once("exit", (code) =>
        resume(Effect.die(`anvil ended with ${code} before it listened: ${printed}`))
      )
    }),
    ({ stop }) => Effect.promise(stop)
  )

/** One call of a client's JSON-RPC. */
export const rpc = (url: string, method: string, ...params: ReadonlyArray<unknown>) =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
    })
    const answer = await response.json()
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result
  })
