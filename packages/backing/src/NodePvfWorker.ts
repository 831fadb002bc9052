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
import * as NodePvfFrame from "./validation/NodePvfFrame.ts"
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

/** What was read and not taken yet: a small frame comes whole with one call of the system. */
const chunk = new Uint8Array(65_536)
let taken = 0
let filled = 0

/** The next bytes of standard input; the process ends with it. */
const read = (length: number): Uint8Array<ArrayBuffer> => {
  if (length <= filled - taken) return chunk.slice(taken, (taken += length))
  const bytes = new Uint8Array(length)
  let at = 0
  const fill = (target: Uint8Array, from: number) => {
    const count = patiently(() => readSync(0, target, from, target.length - from, null))
    if (count === 0) end()
    return count
  }
  while (at < length) {
    if (taken < filled) {
      const part = chunk.subarray(taken, Math.min(filled, taken + length - at))
      bytes.set(part, at)
      taken += part.length
      at += part.length
    } else if (length - at >= chunk.length) {
      at += fill(bytes, at)
    } else {
      taken = 0
      filled = fill(chunk, 0)
    }
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

const perform = (task: NodePvfFrame.PvfTask, body: Uint8Array<ArrayBuffer>): WasmExecution.Ending => {
  if (task._tag === "Prepare") return WasmExecution.prepare(body, task.limits)
  if (task._tag === "Load") {
    slots.set(task.slot, WasmExecution.compile(body))
    return { answer: { _tag: "Loaded" } }
  }
  return WasmExecution.execute(slots.get(task.slot)!, task, body)
}

/** Memories of instances that are gone stay until they are collected, and nothing else here makes a collection due. */
const collectEveryBytes = 64 * 1024 * 1024
const serve = () => {
  write(NodePvfFrame.encode({ _tag: "Ready", stepUs: 0, processUs: processUs() }))
  let used = 0
  while (true) {
    const lengths = NodePvfFrame.lengths(read(NodePvfFrame.prefixBytes))
    const task = NodePvfFrame.header<NodePvfFrame.PvfTask>(read(lengths.header))
    const input = read(lengths.body)
    const started = cpuUs()
    const { answer, body, heldBytes } = perform(task, input)
    const stepUs = cpuUs() - started
    write(NodePvfFrame.encode({ ...answer, stepUs, processUs: processUs() }, body))
    used += input.length + (heldBytes ?? 0)
    if (used < collectEveryBytes) continue
    used = 0
    globalThis.gc?.()
  }
}

if (isMainThread) watch()
else serve()
