/**
 * Child processes of a devnet: started with their logs in files, started again when they die, ended with the devnet.
 */
import { NodeProgram } from "@ephor/cli"
import { Elapsed } from "@ephor/types"
import { Clock, Deferred, Effect, FileSystem, Queue, Ref, type Scope, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

/** One child: what to run, and where its output goes. */
export interface Spec {
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly logFile: string
  /** How long to wait before a dead child is started again. */
  readonly restartDelayMs: number
}

/** A child that is kept alive. */
export interface Child {
  readonly name: string
  /** Process id at the moment, or 0 between two lives. */
  readonly pid: Effect.Effect<number>
  readonly restarts: Effect.Effect<number>
  /** Waits until it is given up; for ever where it stays up. */
  readonly givenUp: Effect.Effect<void>
}

/** Something to tell the person who watches. */
export interface Notice {
  readonly atMs: number
  readonly text: string
}

const earlyEndMs = 10_000
const earlyEndsToGiveUp = 3

/**
 * Keeps a child alive until the scope closes; then it gets SIGTERM, and SIGKILL after five seconds. A child that ends
 * itself three times in a row within its first ten seconds of life is given up: that is reported once, and nothing more
 * is tried. One that was killed has done nothing to deserve it.
 */
export const keep = Effect.fn("Children.keep")(function* (
  spec: Spec,
  notices: Queue.Enqueue<Notice>
): Effect.fn.Return<
  Child,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Scope.Scope
> {
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const pid = yield* Ref.make(0)
  const restarts = yield* Ref.make(0)
  const say = (text: string) =>
    Effect.flatMap(Clock.currentTimeMillis, (atMs) => Queue.offer(notices, { atMs, text }))
  const life = Effect.gen(function* () {
    const handle = yield* spawner.spawn(
      ChildProcess.make(spec.command, spec.args, {
        // Never written to: its end tells the child that we are gone, however we went.
        stdin: "pipe",
        env: { [NodeProgram.endWithStdin]: "1" },
        extendEnv: true,
        stdout: "pipe",
        stderr: "pipe",
        killSignal: "SIGTERM",
        forceKillAfter: "5 seconds"
      })
    )
    yield* Ref.set(pid, handle.pid)
    yield* Stream.run(handle.all, fs.sink(spec.logFile, { flag: "a" })).pipe(Effect.ignore, Effect.forkScoped)
    return yield* handle.exitCode
  }).pipe(Effect.scoped, Effect.ensuring(Ref.set(pid, 0)), Effect.exit)
  const givenUp = yield* Deferred.make<void>()
  const loop = Effect.gen(function* () {
    let earlyEnds = 0
    while (true) {
      const started = yield* Elapsed.ms
      const exit = yield* life
      const early = exit._tag === "Success" && (yield* Elapsed.ms) - started < earlyEndMs
      earlyEnds = early ? earlyEnds + 1 : 0
      if (earlyEnds === earlyEndsToGiveUp) break
      const how = exit._tag === "Success" ? `exit code ${exit.value}` : "a signal"
      yield* say(`${spec.name} ended with ${how}: starting it again (log: ${spec.logFile})`)
      yield* Ref.update(restarts, (n) => n + 1)
      yield* Effect.sleep(spec.restartDelayMs)
    }
    yield* say(`${spec.name} does not stay up and is given up: see ${spec.logFile}`)
    yield* Deferred.succeed(givenUp, undefined)
  })
  yield* Effect.forkScoped(loop)
  return {
    name: spec.name,
    pid: Ref.get(pid),
    restarts: Ref.get(restarts),
    givenUp: Deferred.await(givenUp)
  }
})
