/**
 * Chains in one line of text, for tests: `"g-a-b-c, a-d; finalize b; invalidate c"` imports two branches and then acts.
 * Blocks have short names, `g` is the genesis, hashes are the names in bytes. A block that replaced `c` is called `c'`.
 */
import { Effect } from "effect"
import {
  type BlockRef,
  fromHex,
  type Hash,
  headKey,
  type Heads,
  type L2BlockRef,
  SafetyLevel,
  toHex
} from "@ephor/types"
import { type ChainBlock, type HeadRefs, headIds, type Service } from "../Chain.ts"
import type { ChainError } from "../ChainError.ts"
import type { ChainEvent } from "../ChainEvent.ts"

const complement = (bytes: Uint8Array) => bytes.map((byte) => 255 - byte)

/** The hash of a name of at most 31 ASCII characters; `c'` is what `Chain.layerMemory` puts in place of `c`. */
export const hash = (name: string): Hash => {
  const primed = name.endsWith("'")
  const bytes = new Uint8Array(32)
  bytes.set(new TextEncoder().encode(primed ? name.slice(0, -1) : name))
  return toHex(primed ? complement(bytes) : bytes)
}

/** The name of a hash. */
export const name = (hash: Hash): string => {
  const bytes = fromHex(hash)
  const primed = bytes[31] === 255
  const text = new TextDecoder().decode(primed ? complement(bytes) : bytes).replace(/\0+$/, "")
  return primed ? `${text}'` : text
}

/** The L1 block of a height: `L7`; blocks of another L1 chain carry its name: `L7x`. */
export const l1 = (number: number, fork = "", parentFork = fork): BlockRef => ({
  hash: hash(`L${number}${fork}`),
  number,
  parentHash: hash(`L${number - 1}${parentFork}`),
  timestamp: 100 + number * 12
})

/** The reference of a block; time is two seconds per height. */
export const ref = (block: string, parent: string, number: number): L2BlockRef => ({
  hash: hash(block),
  number,
  parentHash: hash(parent),
  timestamp: number * 2,
  l1origin: { hash: l1(0).hash, number: 0 },
  sequenceNumber: number
})

/** A block whose body is its name. */
export const block = (name: string, parent: string, number: number): ChainBlock => ({
  ref: ref(name, parent, number),
  body: new TextEncoder().encode(name),
  receipts: [],
  output: {
    stateRoot: hash(`state ${name}`),
    messagePasserStorageRoot: hash(`passer ${name}`),
    blockHash: hash(name)
  }
})

/** The block `g` that every script starts from. */
export const genesis: ChainBlock = block("g", "", 0)

/** One step of a script. */
export type Step =
  | { readonly _tag: "Import"; readonly name: string; readonly parent: string }
  | { readonly _tag: "Act"; readonly action: Action; readonly target: string }

/** What a script can do with a block (or, `provide`, with an L1 block `5` or `5x`). */
export type Action = SafetyLevel | "finalize" | "invalidate" | "blacklist" | "revert" | "command" | "provide"

const actions: ReadonlySet<string> = new Set([
  ...SafetyLevel.literals,
  "finalize",
  "invalidate",
  "blacklist",
  "revert",
  "command",
  "provide"
])

/** Reads a script. Throws an `Error` that names the part that cannot be read. */
export const parse = (script: string): ReadonlyArray<Step> =>
  script
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .flatMap((part): ReadonlyArray<Step> => {
      const [action, target, ...rest] = part.split(/\s+/)
      if (actions.has(action!) && target !== undefined && rest.length === 0) {
        return [{ _tag: "Act", action: action as Action, target }]
      }
      if (!/^\w+'?(-\w+'?)+(\s*,\s*\w+'?(-\w+'?)+)*$/.test(part))
        throw new Error(`cannot read "${part}" in a chain script`)
      return part.split(",").flatMap((branch) => {
        const names = branch.trim().split("-")
        return names.slice(1).map((name, index): Step => ({ _tag: "Import", name, parent: names[index]! }))
      })
    })

const lower = (left: BlockRef, right: BlockRef) => (left.number < right.number ? left : right)

/** The heads that a plain fall of the unsafe head to `target` leaves. */
export const fallTo = (heads: HeadRefs, target: BlockRef): Heads =>
  headIds({
    localUnsafe: target,
    crossUnsafe: lower(heads.crossUnsafe, target),
    localSafe: lower(heads.localSafe, target),
    crossSafe: lower(heads.crossSafe, target),
    finalized: heads.finalized
  })

const act = (chain: Service, action: Action, target: string): Effect.Effect<unknown, ChainError> => {
  switch (action) {
    case "finalize":
      return Effect.forEach(["LocalSafe", "CrossSafe", "Finalized"] as const, (level) =>
        chain.promote(level, hash(target))
      )
    case "invalidate":
      return chain.invalidate(hash(target))
    case "blacklist":
      return chain.blacklist(hash(target), `${target} is invalid`)
    case "revert":
    case "command":
      return Effect.gen(function* () {
        const { ref } = yield* chain.content(hash(target))
        yield* chain.revert(fallTo(yield* chain.heads, ref), `back to ${target}`, {
          commanded: action === "command"
        })
      })
    case "provide": {
      const [, number, fork] = /^(\d+)(\w*)$/.exec(target)!
      return chain.provide(l1(Number(number), fork))
    }
    default:
      return chain.promote(action, hash(target))
  }
}

/** Runs a script on a chain that starts at `genesis`. Fails with the first step that the chain refuses. */
export const run = Effect.fnUntraced(function* (chain: Service, script: string) {
  for (const step of parse(script)) {
    if (step._tag === "Act") {
      yield* act(chain, step.action, step.target)
    } else {
      const parent = yield* chain.content(hash(step.parent))
      yield* chain.import(block(step.name, step.parent, parent.ref.number + 1))
    }
  }
})

/** The heads as names, from local-unsafe to finalized: `"d c c b a"`. */
export const heads = (chain: Service): Effect.Effect<string> =>
  Effect.map(chain.heads, (heads) =>
    SafetyLevel.literals.map((level) => name(heads[headKey[level]].hash)).join(" ")
  )

const names = (blocks: ReadonlyArray<BlockRef>) => blocks.map(({ hash }) => name(hash)).join(" ")

/** An event in a few words: `"+c"`, `"LocalSafe b <L2"`, `"-d c =b commanded"`, `"c>c' -d c"`, `"L2 done b"`. */
export const told = (event: ChainEvent): string => {
  switch (event._tag) {
    case "Imported":
      return `+${name(event.block.hash)}`
    case "Promoted":
      return `${event.level} ${name(event.block.hash)}${event.source === undefined ? "" : ` <${name(event.source.hash)}`}`
    case "Reverted":
      return `-${names(event.removed)} =${name(event.head.hash)}${event.commanded ? " commanded" : ""}`
    case "Replaced":
      return `${name(event.invalidated.hash)}>${name(event.replacement.hash)} -${names(event.removed)}`
    case "Exhausted":
      return `${name(event.source.hash)} done ${name(event.derived.hash)}`
  }
}
