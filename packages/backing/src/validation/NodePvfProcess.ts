/**
 * One process that runs validation functions: started, asked one thing at a time, watched, and killed.
 *
 * CPU time decides: a step that used more than it may is killed and has had its time. Wall time only ends what
 * does not answer any more, and says nothing about the function.
 */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as NodeProcessUsage from "./NodeProcessUsage.ts"
import * as NodePvfFlags from "./NodePvfFlags.ts"
import * as NodePvfFrame from "./NodePvfFrame.ts"

/** How a step ended that gave no answer. */
export type Loss =
  | { readonly _tag: "Timeout"; readonly timeoutMs: number }
  | { readonly _tag: "WorkerDied" | "Internal"; readonly why: string }
/** An answer with its body, or none. */
export type Reply =
  | { readonly _tag: "Answer"; readonly answer: NodePvfFrame.PvfAnswer; readonly body: Uint8Array }
  | Loss

/** What a step may take. */
export interface StepLimits {
  readonly cpuMs: number
  /** Wall time while this process was awake. */
  readonly wallMs: number
  readonly maxAnswerBytes: number
}

const internal = (why: string): Loss => ({ _tag: "Internal", why })

/** Signals by which a process says that it broke; others come from outside. */
const crashes: ReadonlySet<string> = new Set([
  "SIGSEGV",
  "SIGBUS",
  "SIGILL",
  "SIGFPE",
  "SIGABRT",
  "SIGTRAP",
  "SIGSYS"
])
const noMemory = /out of memory|allocat|reserve virtual memory/i

/** What the end of a process means for the step it was at. */
export const explainEnd = (code: number | null, signal: string | null, errors: string): Loss => {
  const last = errors.trim().slice(0, 256)
  const how = signal ?? `exit code ${code}`
  if (noMemory.test(errors)) return internal(`the process had no memory left (${how}): ${last}`)
  // A shell and Windows tell a crash by a code above 128.
  if (signal === null ? code !== null && code > 128 : crashes.has(signal))
    return { _tag: "WorkerDied", why: `the process crashed (${how}) ${last}`.trim() }
  return internal(`the process was ended from outside (${how}) ${last}`.trim())
}

/** How often a step is looked at. */
const watchIntervalMs = 50
/** CPU time beyond the limit before a process is killed: the platform's clock is coarse, and the answer has the exact figure. */
const cpuSlackMs = 50
const maxErrorChars = 2048

interface Step {
  readonly settle: (reply: Reply) => void
  readonly limits: StepLimits
  readonly cpuBaseMs: number
  awakeMs: number
  lookedAt: number
}

/** A process and what is going on in it. */
export class PvfProcess {
  /** Compiled modules it holds, by key: the slot of each; the least recently used comes first. */
  readonly slots = new Map<string, number>()
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  readonly #maxResidentBytes: number
  #alive = true
  #step: Step | undefined
  #timer: NodeJS.Timeout | undefined
  #chunks: Array<Uint8Array> = []
  #buffered = 0
  #errors = ""
  #loss: Loss | undefined
  #cpuMs = 0
  #told: NodeProcessUsage.ProcessUsage | undefined

  constructor(entry: URL, limits: NodePvfFlags.ProcessLimits) {
    const { args, file } = NodePvfFlags.command(entry, limits)
    const child = spawn(file, args, {
      env: NodePvfFlags.environment(),
      stdio: ["pipe", "pipe", "pipe", "ipc"],
      windowsHide: true
    })
    this.#child = child
    this.#maxResidentBytes = limits.maxResidentMiB * 1024 * 1024
    child.stdout?.on("data", (chunk: Uint8Array) => this.#onData(chunk))
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(0, maxErrorChars)
    })
    // Without room for more open files there are no pipes; writing to a process that is gone fails; its end is what counts.
    child.stdin?.on("error", () => {})
    child.on("message", (usage) => (this.#told = usage as NodeProcessUsage.ProcessUsage))
    this.ended = new Promise((resolve) => {
      const end = (loss: Loss) => {
        this.#alive = false
        this.#settle(this.#loss ?? loss)
        resolve()
      }
      child.on("error", (error) => {
        if (child.pid === undefined) end(internal(`a process could not be started: ${error.message}`))
      })
      child.on("close", (code, signal) => end(explainEnd(code, signal, this.#errors)))
    })
  }

  /** Whether it can be asked. */
  get alive(): boolean {
    return this.#alive
  }
  /** Its number, while it has one. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Ends it at once; `loss` is what the current step hears. */
  kill(loss: Loss): void {
    this.#alive = false
    this.#loss ??= loss
    this.#child.kill("SIGKILL")
  }

  /** Asks, and waits for the answer. Without a task it waits for the first word. An interruption kills the process. */
  ask(limits: StepLimits, task?: NodePvfFrame.PvfTask, body?: Uint8Array): Effect.Effect<Reply> {
    return Effect.callback<Reply>((resume) => {
      if (!this.#alive) return resume(Effect.succeed(this.#loss ?? internal("the process is gone")))
      const settle = (reply: Reply) => resume(Effect.succeed(reply))
      this.#step = { settle, limits, cpuBaseMs: this.#cpuMs, awakeMs: 0, lookedAt: performance.now() }
      this.#watch()
      if (task !== undefined) this.#child.stdin?.write(NodePvfFrame.encode(task, body))
      return Effect.sync(() => this.kill(internal("the execution was interrupted")))
    })
  }

  #settle(reply: Reply) {
    clearTimeout(this.#timer)
    const step = this.#step
    this.#step = undefined
    step?.settle(reply)
  }

  #watch() {
    this.#timer = setTimeout(() => this.#look(), watchIntervalMs)
  }

  #look() {
    const step = this.#step
    if (step === undefined) return
    const now = performance.now()
    // If this process was stopped, so was perhaps the other one, and its answer may be here unread: count one interval.
    step.awakeMs += Math.min(now - step.lookedAt, 2 * watchIntervalMs)
    step.lookedAt = now
    const usage = this.#usage()
    const cpuMs = usage === undefined ? 0 : usage.cpuMs - step.cpuBaseMs
    const { limits } = step
    if (usage !== undefined && usage.residentBytes > this.#maxResidentBytes) {
      this.kill(
        internal(`the process took ${usage.residentBytes} bytes, the limit is ${this.#maxResidentBytes}`)
      )
    } else if (cpuMs > limits.cpuMs + cpuSlackMs) {
      this.kill({ _tag: "Timeout", timeoutMs: limits.cpuMs })
    } else if (step.awakeMs > limits.wallMs) {
      this.kill(
        internal(`no answer within ${limits.wallMs} ms; ${Math.round(cpuMs)} ms of them on a processor`)
      )
    } else {
      this.#watch()
    }
  }

  /** As the platform tells it; else as the process told it when it was last asked. */
  #usage() {
    const { pid } = this.#child
    const seen = pid === undefined ? undefined : NodeProcessUsage.read(pid)
    if (seen !== undefined) return seen
    if (this.#child.connected) this.#child.send("usage", () => {})
    return this.#told
  }

  #onData(chunk: Uint8Array) {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered < NodePvfFrame.prefixBytes) return
    if (this.#chunks[0]!.length < NodePvfFrame.prefixBytes) this.#chunks = [Buffer.concat(this.#chunks)]
    const lengths = NodePvfFrame.lengths(this.#chunks[0]!)
    const maxBytes = this.#step?.limits.maxAnswerBytes ?? 0
    if (this.#step === undefined || lengths.header > NodePvfFrame.maxHeaderBytes || lengths.body > maxBytes)
      return this.kill({ _tag: "WorkerDied", why: "the process said what nobody asked, or too much" })
    const bodyAt = NodePvfFrame.prefixBytes + lengths.header
    if (this.#buffered < bodyAt + lengths.body) return
    const frame = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#buffered = 0
    this.#answer(
      frame.subarray(NodePvfFrame.prefixBytes, bodyAt),
      frame.subarray(bodyAt, bodyAt + lengths.body)
    )
  }

  #answer(header: Uint8Array, body: Uint8Array) {
    let answer: NodePvfFrame.PvfAnswer
    try {
      answer = NodePvfFrame.header<NodePvfFrame.PvfAnswer>(header)
    } catch {
      return this.kill({ _tag: "WorkerDied", why: "the process answered what is no frame" })
    }
    this.#cpuMs = answer.processUs / 1000
    const { cpuMs } = this.#step!.limits
    const exceeded = answer._tag !== "Ready" && answer.stepUs > cpuMs * 1000
    this.#settle(exceeded ? { _tag: "Timeout", timeoutMs: cpuMs } : { _tag: "Answer", answer, body })
  }
}
