/**
 * The process in which validation functions run: entry point of a child process, started by `NodePvf`.
 *
 * One thread executes: it reads a task, works, and answers, without an event loop in between. The first thread of
 * the process watches meanwhile: it ends the process when the one that started it is gone, and says how much
 * processor and memory is used where the platform does not tell. The process holds no secrets, has no environment
 * and no state between calls but compiled modules: each execution has a fresh instance. It imports nothing but
 * Node and the rules for WebAssembly, so that a replacement starts fast.
 */
import { readSync, writeSync } from "node:fs"
import { isMainThread, Worker } from "node:worker_threads"
import * as PvfFrame from "./validation/PvfFrame.ts"
import * as WasmExecution from "./validation/WasmExecution.ts"

/** Ends the process at once: a thread that runs WebAssembly may not let itself be stopped otherwise. */
const end = () => process.kill(process.pid, "SIGKILL")

const watch = () => {
  const [heapMiB, stackMiB] = process.argv.slice(2).map(Number)
  // A terminal sends its signals to everybody; the one that started this process decides.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
  process.on("disconnect", end)
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    process.send?.({ cpuMs: (system + user) / 1000, residentBytes: process.memoryUsage.rss() })
  })
  const thread = new Worker(new URL(import.meta.url), {
    env: {},
    name: "pvf",
    resourceLimits: { stackSizeMb: stackMiB!, maxOldGenerationSizeMb: heapMiB! }
  })
  thread.on("error", (error) => {
    writeSync(2, `${error.message}\n`)
    end()
  })
  thread.on("exit", end)
}

/** Sleeps as long as a pipe that does not block has nothing, or no room. */
const patiently = (step: () => number): number => {
  while (true) {
    try {
      return step()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EOF") return 0
      if (code !== "EAGAIN") throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

/** The next bytes of standard input; the process ends with it. */
const read = (length: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const count = patiently(() => readSync(0, bytes, at, length - at, null))
    if (count === 0) process.kill(process.pid, "SIGKILL")
    at += count
  }
  return bytes
}

const write = (bytes: Uint8Array) => {
  for (let at = 0; at < bytes.length;) at += patiently(() => writeSync(1, bytes, at, bytes.length - at))
}

/** CPU time of this thread where Node tells it, else of the process, whose other thread sleeps. */
const cpuUs = ({ system, user } = (process.threadCpuUsage ?? process.cpuUsage)()) => system + user
const processUs = ({ system, user } = process.cpuUsage()) => system + user

const slots = new Map<number, WebAssembly.Module>()

const perform = (task: PvfFrame.PvfTask, body: Uint8Array<ArrayBuffer>): WasmExecution.Ending => {
  if (task._tag === "Prepare") return WasmExecution.prepare(body, task.limits)
  if (task._tag === "Load") {
    slots.set(task.slot, new WebAssembly.Module(body))
    return { answer: { _tag: "Loaded" } }
  }
  const module = slots.get(task.slot)
  return module === undefined
    ? { answer: { _tag: "Internal", why: `there is no module in slot ${task.slot}` } }
    : WasmExecution.execute(module, task, body)
}

/** Memories of instances that are gone stay until they are collected, and nothing else here makes a collection due. */
const collectEveryBytes = 64 * 1024 * 1024
const serve = () => {
  write(PvfFrame.encode({ _tag: "Ready", stepUs: 0, processUs: processUs() }))
  let used = 0
  while (true) {
    const lengths = PvfFrame.lengths(read(PvfFrame.prefixBytes))
    const task = PvfFrame.header<PvfFrame.PvfTask>(read(lengths.header))
    const input = read(lengths.body)
    const started = cpuUs()
    const { answer, body, heldBytes } = perform(task, input)
    const stepUs = cpuUs() - started
    write(PvfFrame.encode({ ...answer, stepUs, processUs: processUs() }, body))
    used += input.length + (heldBytes ?? 0)
    if (used < collectEveryBytes) continue
    used = 0
    globalThis.gc?.()
  }
}

if (isMainThread) watch()
else serve()
