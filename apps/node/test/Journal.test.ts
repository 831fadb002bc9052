/** Where commits are written: what a crash leaves behind is mended, and what does not belong is refused. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Journal from "../src/observe/Journal.ts"
import { temporary } from "./processes.ts"

const digestOf = (index: number) => `0x${index.toString(16).padStart(64, "0")}` as const
const line = (index: number) => JSON.stringify({ index, digest: digestOf(index), blocks: 4 })
const position = (index: number) => ({ index, digest: digestOf(index) })
const start = { index: 7 }

const inFolder = <A, E>(body: (path: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(temporary),
    (folder) => body(join(folder.path, "file")),
    (folder) => Effect.sync(() => folder[Symbol.dispose]())
  )

/** Arguments with which node runs a module that begins with these imports. */
const moduleOf = (body: string) => [
  "--conditions=ephor-source",
  "--input-type=module",
  "-e",
  `import * as Journal from "../src/observe/Journal.ts"; import { Effect } from "effect"; ${body}`
]

describe("a journal without room", () => {
  it.effect("of a file says so, keeps what is whole, and goes on when there is room", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        // A file that may not grow stands for a full disk: the last write before that is a part of what was given.
        const long = (index: number) =>
          JSON.stringify({ index, digest: digestOf(index), bytes: "00".repeat(1400) })
        const body = `
          const [path, first, second] = process.argv.slice(1)
          const told = Effect.scoped(Effect.gen(function* () {
            const journal = yield* Journal.appended(path, { index: 7 })
            yield* journal.write([first], { index: 8 })
            return (yield* Effect.flip(journal.write([second], { index: 9 }))).message
          }))
          console.log(await Effect.runPromise(told))`
        const told = execFileSync(
          "bash",
          [
            "-c",
            `trap '' XFSZ; ulimit -f 4; exec "$@"`,
            "bash",
            process.execPath,
            ...moduleOf(body),
            path,
            long(8),
            long(9)
          ],
          { cwd: import.meta.dirname, encoding: "utf8" }
        )
        assert.include(told, `the file ${path} cannot be written: EFBIG`)
        assert.include(told, "free the disk")
        assert.strictEqual(readFileSync(path).length, 4096)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const again = yield* Journal.appended(path, start)
            assert.deepStrictEqual(again.from, position(8))
            yield* again.write([long(9)], position(9))
          })
        )
        assert.strictEqual(readFileSync(path, "utf8"), `${long(8)}\n${long(9)}\n`)
      })
    )
  )

  it("of standard output says so, and notes nothing as printed", () => {
    using folder = temporary()
    const cursor = join(folder.path, "cursor")
    const body = `
      const journal = Journal.withCursor(Journal.stdout, process.argv[1], undefined, { index: 7 })
      process.stdout.on("error", () => {})
      console.error(await Effect.runPromise(Effect.gen(function* () {
        return (yield* Effect.flip((yield* journal).write(["a line"], { index: 8 }))).message
      })))`
    const full = openSync("/dev/full", "w")
    const { status, stderr } = spawnSync(process.execPath, [...moduleOf(body), cursor], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", full, "pipe"]
    })
    closeSync(full)
    assert.include(stderr, "standard output cannot be written: ENOSPC")
    assert.strictEqual(status, 0)
    assert.throws(() => readFileSync(cursor), /ENOENT/)
  })
})

describe("Journal.appended", () => {
  const open = (path: string) => Journal.appended(path, start)

  it.effect("goes on after the last commit that is whole, and cuts off the rest", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const fresh = yield* open(path)
            assert.deepStrictEqual(fresh.from, start)
            yield* fresh.write([line(8), line(9)], position(9))
            yield* fresh.write([line(10)], position(10))
          })
        )
        appendFileSync(path, line(11).slice(0, 20))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const again = yield* open(path)
            assert.deepStrictEqual(again.from, position(10))
            yield* again.write([line(11)], position(11))
          })
        )
        assert.strictEqual(readFileSync(path, "utf8"), [8, 9, 10, 11].map((at) => `${line(at)}\n`).join(""))
      })
    )
  )

  it.effect("cuts off the blocks of a commit that is not there itself, however many", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const block = (index: number, size = 10) =>
          JSON.stringify({ commit: index, block: {}, bytes: `0x${"00".repeat(size)}` })
        const whole = [block(8), line(8), block(9), block(9), line(9)].map((one) => `${one}\n`).join("")
        // More than is read at once, and a line that is not whole at its end.
        const rest =
          Array.from({ length: 5 }, () => `${block(10, 400_000)}\n`).join("") + block(10).slice(0, 9)
        for (const text of [rest, block(10).slice(0, 5), ""]) {
          writeFileSync(path, whole + text)
          assert.deepStrictEqual((yield* Effect.scoped(open(path))).from, position(9))
          assert.strictEqual(readFileSync(path, "utf8"), whole)
        }
        writeFileSync(path, rest)
        assert.deepStrictEqual((yield* Effect.scoped(open(path))).from, start)
        assert.strictEqual(readFileSync(path, "utf8"), "")
        // What somebody else has written is not cut off.
        for (const text of [`${whole}a note\n`, `${whole}a note\n${block(10)}\n`]) {
          writeFileSync(path, text)
          yield* Effect.flip(Effect.scoped(open(path)))
          assert.strictEqual(readFileSync(path, "utf8"), text)
        }
      })
    )
  )

  it.effect("begins anew when not even the first commit is whole", () =>
    inFolder((path) => {
      writeFileSync(path, line(8).slice(0, 9))
      return Effect.scoped(
        Effect.gen(function* () {
          const journal = yield* open(path)
          assert.deepStrictEqual(journal.from, start)
          yield* journal.write([line(8)], position(8))
          assert.strictEqual(readFileSync(path, "utf8"), `${line(8)}\n`)
        })
      )
    })
  )

  it.effect("refuses a file that is something else", () =>
    inFolder((path) => {
      writeFileSync(path, "no commit\n")
      return Effect.gen(function* () {
        const { message } = yield* Effect.flip(Effect.scoped(open(path)))
        assert.match(message, /^the file .* does not end with a commit: .*; give another --file$/)
        assert.strictEqual(readFileSync(path, "utf8"), "no commit\n")
      })
    })
  )
})

describe("Journal.withCursor", () => {
  const committee = digestOf(0xc0)

  it.effect("remembers the last position, whose it is, and its digest", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const fresh = yield* Journal.withCursor(Journal.stdout, path, committee, start)
        assert.deepStrictEqual(fresh.from, start)
        yield* fresh.write([], position(9))
        assert.deepStrictEqual(
          (yield* Journal.withCursor(Journal.stdout, path, committee, start)).from,
          position(9)
        )
        const foreign = yield* Effect.flip(Journal.withCursor(Journal.stdout, path, digestOf(1), start))
        assert.include(foreign.message, `belongs to the committee ${committee}: give another --cursor`)
        const trusting = yield* Effect.flip(Journal.withCursor(Journal.stdout, path, undefined, start))
        assert.include(trusting.message, "belongs to the committee")
      })
    )
  )

  it.live("notes what it has printed also when it is ended meanwhile, and waits for no reader for long", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const read = () =>
          Effect.map(Journal.withCursor(Journal.stdout, path, committee, start), ({ from }) => from)
        const slow = yield* Journal.withCursor(() => Effect.sleep("50 millis"), path, committee, start)
        yield* Fiber.interrupt(
          yield* Effect.forkChild(slow.write([], position(9)), { startImmediately: true })
        )
        assert.deepStrictEqual(yield* read(), position(9))
        const stuck = yield* Journal.withCursor(() => Effect.never, path, committee, start)
        yield* Fiber.interrupt(
          yield* Effect.forkChild(stuck.write([], position(10)), { startImmediately: true })
        )
        assert.deepStrictEqual(yield* read(), position(9))
      })
    )
  )

  it.effect("refuses a file that is no cursor", () =>
    inFolder((path) => {
      writeFileSync(path, `{"digest":"0x00"}`)
      return Effect.map(
        Effect.flip(Journal.withCursor(Journal.stdout, path, undefined, start)),
        ({ message }) => assert.match(message, /^the cursor .* is not valid: /)
      )
    })
  )
})
