import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type BlockSeal, type ChainId, type Hash, messageChecksum } from "@ephor/types"
import { type DerivationDb, LinkCheck, type LogsDb, Promotion } from "../src/index.ts"

// Block n of chain c is at time 1000 + 2n; L1 block n is `s(n)`. Each block has one log, and may execute messages.
const hash = (chain: string, n: number, mark = 0): Hash =>
  `0x${chain.padStart(4, "0")}${mark.toString(16).padStart(4, "0")}${n.toString(16).padStart(56, "0")}`
const seal = (chain: string, number: number, mark = 0): BlockSeal => ({
  hash: hash(chain, number, mark),
  number,
  timestamp: 1000 + number * 2
})
const s = (number: number): BlockSeal => ({
  hash: hash("1", number, 0xff),
  number,
  timestamp: 1000 + number * 12
})
const logOf = (chain: string, number: number) => hash(chain, number, 0xee)

const message = (
  chainId: ChainId,
  blockNumber: number,
  change: Partial<LogsDb.MessageQuery> = {}
): LogsDb.MessageQuery => {
  const query = { chainId, blockNumber, logIndex: 0, timestamp: 1000 + blockNumber * 2, ...change }
  const position = { ...query, blockNumber: BigInt(query.blockNumber), timestamp: BigInt(query.timestamp) }
  return { checksum: messageChecksum(position, logOf(chainId, blockNumber)), ...query }
}
const logs = (
  chain: ChainId,
  last: number,
  executing: { readonly [number: number]: LogsDb.MessageQuery } = {}
): LogsDb.LogsDb =>
  Array.from({ length: last + 1 }, (_, number) => ({
    ...seal(chain, number),
    parentHash: hash(chain, number - 1),
    logs: number === 0 ? [] : [logOf(chain, number), hash(chain, number, 0xdd)],
    executing: executing[number] === undefined ? [] : [{ logIndex: 1, message: executing[number] }]
  }))
/** `[source, derived]` pairs in order. */
const db = (chain: ChainId, ...pairs: ReadonlyArray<readonly [number, number]>): DerivationDb.DerivationDb =>
  pairs.map(([source, derived]) => ({
    source: s(source),
    derived: seal(chain, derived),
    revision: 0,
    invalidated: false
  }))

const rules = LinkCheck.make(
  { dependencies: { "901": {}, "902": {} } },
  Object.fromEntries(
    ["901", "902"].map((id) => [
      id,
      { genesis: { l1: s(0), l2: seal(id, 0) }, block_time: 2, interop_time: 0 }
    ])
  )
)
const worldOf = (a: Promotion.ChainView, b: Promotion.ChainView): Promotion.World => ({
  rules,
  chain: (id) => (id === "901" ? a : id === "902" ? b : undefined)
})
const view = (
  chain: ChainId,
  change: Partial<Promotion.ChainView> & Pick<Promotion.ChainView, "logs">
): Promotion.ChainView => ({
  local: db(chain, [0, 0]),
  cross: db(chain, [0, 0]),
  crossUnsafe: seal(chain, 0),
  ...change
})

const unsafeOutcome = (world: Promotion.World, id: ChainId) => {
  const step = Promotion.crossUnsafeStep(world, id)
  if (Result.isSuccess(step)) return step.success.number
  return step.failure._tag === "Future" && step.failure.waitsOn
    ? `Future on ${step.failure.waitsOn}`
    : step.failure._tag
}

describe("Promotion.crossUnsafeStep", () => {
  const b = (executing: LogsDb.MessageQuery, number = 2) =>
    view("902", { logs: logs("902", 3, { [number]: executing }), crossUnsafe: seal("902", number - 1) })
  const a = (crossUnsafe: number, last = 3) =>
    view("901", { logs: logs("901", last), crossUnsafe: seal("901", crossUnsafe) })
  const rows: ReadonlyArray<readonly [string, () => unknown, unknown]> = [
    ["no messages", () => unsafeOutcome(worldOf(a(0), b(message("901", 1))), "901"), 1],
    ["nothing after the head", () => unsafeOutcome(worldOf(a(3), b(message("901", 1))), "901"), "Future"],
    [
      "an older message of a cross-unsafe block",
      () => unsafeOutcome(worldOf(a(1), b(message("901", 1))), "902"),
      2
    ],
    [
      "an older message of a block that is not cross-unsafe",
      () => unsafeOutcome(worldOf(a(0), b(message("901", 1))), "902"),
      "Future on 901"
    ],
    [
      "a message of the same time, next on its chain",
      () => unsafeOutcome(worldOf(a(1), b(message("901", 2))), "902"),
      2
    ],
    [
      "a message of the same time, not next on its chain",
      () => unsafeOutcome(worldOf(a(0), b(message("901", 2))), "902"),
      "Future on 901"
    ],
    [
      "a message of a later time",
      () => unsafeOutcome(worldOf(a(3), b(message("901", 3))), "902"),
      "Conflict"
    ],
    [
      "a message that is not there",
      () => unsafeOutcome(worldOf(a(1), b(message("901", 1, { logIndex: 5 }))), "902"),
      "Conflict"
    ],
    [
      "a message of a block to come",
      () => unsafeOutcome(worldOf(a(1, 1), b(message("901", 2))), "902"),
      "Future on 901"
    ],
    ["a message of block 0", () => unsafeOutcome(worldOf(a(1), b(message("901", 0))), "902"), "Conflict"],
    [
      "a message of an unknown chain",
      () => unsafeOutcome(worldOf(a(1), b(message("700", 1))), "902"),
      "Conflict"
    ],
    [
      "no head yet",
      () => unsafeOutcome(worldOf(view("901", { logs: [], cross: [], crossUnsafe: undefined }), a(0)), "901"),
      "Uninitialized"
    ],
    ["an unknown chain", () => unsafeOutcome(worldOf(a(0), a(0)), "700"), "UnknownChain"],
    [
      "cross-safe stands in for an unknown head",
      () =>
        unsafeOutcome(worldOf(view("901", { logs: logs("901", 1), crossUnsafe: undefined }), a(0)), "901"),
      1
    ],
    [
      "a head of another fork",
      () =>
        unsafeOutcome(
          worldOf(view("901", { logs: logs("901", 2), crossUnsafe: seal("901", 1, 9) }), a(0)),
          "901"
        ),
      "Conflict"
    ]
  ]
  rows.forEach(([name, run, expected], row) =>
    it(`${row + 1}: ${name}`, () => assert.strictEqual(run(), expected))
  )
})

const safeOutcome = (world: Promotion.World, id: ChainId) => {
  const outcome = Promotion.crossSafeStep(world, id)
  switch (outcome._tag) {
    case "Promote":
    case "Bump":
      return `${outcome._tag} ${outcome.pair.derived.number} at ${outcome.pair.source.number}`
    case "Invalidate":
      return `Invalidate ${outcome.derived.number} at ${outcome.source.number}`
    case "Stuck":
      return `Stuck at ${outcome.derived.number}`
    case "Wait":
      return outcome.fault._tag === "Future" && outcome.fault.waitsOn
        ? `Future on ${outcome.fault.waitsOn}`
        : outcome.fault._tag
  }
}

describe("Promotion.crossSafeStep", () => {
  // Chain 902 examines block 2 in scope 1; its block 2 executes a message of 901.
  const b = (executing: LogsDb.MessageQuery) =>
    view("902", {
      logs: logs("902", 3, { 2: executing }),
      local: db("902", [0, 0], [1, 0], [1, 1], [1, 2], [2, 2]),
      cross: db("902", [0, 0], [1, 0], [1, 1])
    })
  const a = (
    local: DerivationDb.DerivationDb,
    cross: DerivationDb.DerivationDb,
    change: Partial<Promotion.ChainView> = {}
  ) => view("901", { logs: logs("901", 4), local, cross, ...change })
  const safe2 = a(db("901", [0, 0], [1, 0], [1, 1], [1, 2]), db("901", [0, 0], [1, 0], [1, 1], [1, 2]))
  const late = a(db("901", [0, 0], [1, 0], [2, 0], [2, 1]), db("901", [0, 0], [1, 0], [2, 0], [2, 1]))
  const local2 = a(db("901", [0, 0], [1, 0], [1, 1], [1, 2]), db("901", [0, 0], [1, 0], [1, 1]))
  const behind = a(db("901", [0, 0], [1, 0], [1, 1], [1, 2]), db("901", [0, 0], [1, 0]))
  const unsafe = a(db("901", [0, 0], [1, 0]), db("901", [0, 0], [1, 0]))
  const marked = a(
    [...db("901", [0, 0], [1, 0]), { source: s(1), derived: seal("901", 1), revision: 1, invalidated: true }],
    db("901", [0, 0], [1, 0])
  )
  const wrong = message("901", 1, { logIndex: 5 })
  const rows: ReadonlyArray<readonly [string, () => string, string]> = [
    [
      "no messages, but the scope must be bumped first",
      () =>
        safeOutcome(
          worldOf(safe2, view("902", { logs: logs("902", 1), local: db("902", [0, 0], [1, 0], [1, 1]) })),
          "902"
        ),
      "Bump 0 at 1"
    ],
    ["no messages", () => safeOutcome(worldOf(local2, b(wrong)), "901"), "Promote 2 at 1"],
    ["a message that never was", () => safeOutcome(worldOf(safe2, b(wrong)), "902"), "Invalidate 2 at 1"],
    [
      "a message in a replacement, which is never replaced itself",
      () => {
        const chain = b(wrong)
        const replacement = { source: s(1), derived: seal("902", 2), revision: 2, invalidated: false }
        const local = [...db("902", [0, 0], [1, 0], [1, 1]), replacement]
        return safeOutcome(worldOf(safe2, { ...chain, local }), "902")
      },
      "Stuck at 2"
    ],
    ["nothing derived after the last source", () => safeOutcome(worldOf(safe2, b(wrong)), "901"), "Future"],
    [
      "an older message, cross-safe in scope",
      () => safeOutcome(worldOf(safe2, b(message("901", 1))), "902"),
      "Promote 2 at 1"
    ],
    [
      "an older message, cross-safe with later L1",
      () => safeOutcome(worldOf(late, b(message("901", 1))), "902"),
      "Bump 1 at 2"
    ],
    [
      "an older message, not cross-safe yet",
      () => safeOutcome(worldOf(behind, b(message("901", 1))), "902"),
      "Future on 901"
    ],
    [
      "the same time, next candidate of its chain",
      () => safeOutcome(worldOf(local2, b(message("901", 2))), "902"),
      "Promote 2 at 1"
    ],
    [
      "the same time, its chain has an older one to examine",
      () => safeOutcome(worldOf(behind, b(message("901", 2))), "902"),
      "Future on 901"
    ],
    [
      "the same time, not local-safe yet",
      () => safeOutcome(worldOf(unsafe, b(message("901", 2))), "902"),
      "Future on 901"
    ],
    ["a message that is not there", () => safeOutcome(worldOf(safe2, b(wrong)), "902"), "Invalidate 2 at 1"],
    [
      "unsafe blocks do not refute a message",
      () => safeOutcome(worldOf(unsafe, b(wrong)), "902"),
      "Future on 901"
    ],
    [
      "a height that its time rules out",
      () => safeOutcome(worldOf(safe2, b(message("901", 9, { timestamp: 1002 }))), "902"),
      "Invalidate 2 at 1"
    ],
    [
      "the chain of the message awaits a replacement",
      () => safeOutcome(worldOf(marked, b(message("901", 1))), "902"),
      "Future on 901"
    ],
    [
      "a message of a later time",
      () => safeOutcome(worldOf(safe2, b(message("901", 3))), "902"),
      "Invalidate 2 at 1"
    ],
    [
      "an unknown chain in the message",
      () => safeOutcome(worldOf(safe2, b(message("700", 1))), "902"),
      "Invalidate 2 at 1"
    ],
    [
      "a message of the first block of the database",
      () => safeOutcome(worldOf(safe2, b(message("901", 0))), "902"),
      "Invalidate 2 at 1"
    ],
    [
      "logs not indexed yet",
      () => safeOutcome(worldOf({ ...local2, logs: logs("901", 1) }, b(wrong)), "901"),
      "Future"
    ],
    [
      "logs of another block",
      () =>
        safeOutcome(
          worldOf(
            { ...local2, logs: [...logs("901", 1), { ...logs("901", 2)[2]!, hash: hash("901", 2, 9) }] },
            b(wrong)
          ),
          "901"
        ),
      "Future on 901"
    ],
    [
      "its own replacement is outstanding",
      () => safeOutcome(worldOf(marked, b(wrong)), "901"),
      "AwaitReplacement"
    ],
    ["an unknown chain", () => safeOutcome(worldOf(safe2, b(wrong)), "700"), "UnknownChain"],
    [
      "the first entry",
      () => safeOutcome(worldOf({ ...safe2, cross: [] }, b(wrong)), "901"),
      "Promote 0 at 0"
    ]
  ]
  rows.forEach(([name, run, expected], row) =>
    it(`${row + 1}: ${name}`, () => assert.strictEqual(run(), expected))
  )
})

describe("Promotion heads", () => {
  it("the local-safe head is the parent of a block that awaits its replacement", () => {
    const local = [
      ...db("901", [0, 0], [1, 0], [1, 1], [1, 2], [2, 2]),
      { source: s(2), derived: seal("901", 2), revision: 2, invalidated: true }
    ]
    assert.strictEqual(Promotion.localSafeHead(view("901", { logs: [], local }))?.derived.number, 1)
  })
})
