/**
 * Processes of the bench: functions by name over IPC. A process that has failed, or whose parent is gone, ends.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

type Verbs = Record<string, (argument: any) => unknown>
type Remote<V> = {
  readonly [K in keyof V]: V[K] extends (argument: infer A) => infer R
    ? (argument: A) => Promise<Awaited<R>>
    : never
}

/** Offers functions to the parent. */
export const offer = (verbs: Verbs): void => {
  process.on("disconnect", () => process.exit())
  process.on("message", async ({ argument, id, verb }: any) => {
    process.send!({ id, result: await verbs[verb]!(argument) })
  })
}

/** What a process has used so far, and holds after a collection of garbage. */
export interface Usage {
  readonly cpuMicros: number
  readonly residentBytes: number
}

/** Processor time of this process, and its memory. */
export const usage = (): Usage => {
  const { system, user } = process.cpuUsage()
  return { cpuMicros: system + user, residentBytes: process.memoryUsage.rss() }
}

/** The same after everything that can be freed was. */
export const settled = async (): Promise<Usage> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return usage()
}

/** A process that runs a file of this folder, with more flags of Node; calls are answered in order of completion. */
export const start = <V extends Verbs>(
  file: string,
  flags: ReadonlyArray<string> = []
): { readonly call: Remote<V>; readonly stop: () => void } => {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    execArgv: [
      ...process.execArgv.filter((one) => !one.startsWith("--cpu-prof")),
      ...profiling(file),
      ...flags
    ],
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })
  const waiting = new Map<number, (result: any) => void>()
  let calls = 0
  child.on("message", ({ id, result }: any) => {
    waiting.get(id)!(result)
    waiting.delete(id)
  })
  // Without one of its processes a bench can only wait for ever.
  child.on("exit", (code) => {
    if (code !== 0) process.exit(1)
  })
  const call = new Proxy({} as Remote<V>, {
    get: (_, verb) => (argument: unknown) =>
      new Promise((resolve) => {
        const id = calls++
        waiting.set(id, resolve)
        child.send({ id, verb, argument })
      })
  })
  return { call, stop: () => child.disconnect() }
}

/** `PROFILE=publisher.ts` writes profiles of the processes that run this file to the working directory. */
const profiling = (file: string) => (process.env["PROFILE"] === file ? ["--cpu-prof"] : [])
