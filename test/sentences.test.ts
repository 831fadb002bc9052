/** What the sentences of the two binaries tell people to type must exist. */
import { assert, describe, it } from "@effect/vitest"
import type { HelpDoc } from "effect/cli"
import { command as nodeCommand } from "../apps/node/src/Command.ts"
import { command as supervisorCommand } from "../apps/supervisor/src/Command.ts"
import { sources } from "./support/house.ts"

/** A command as `effect/cli` knows it: what its help page is made of. */
interface Described {
  readonly buildHelpDoc: (path: ReadonlyArray<string>) => HelpDoc.HelpDoc
  readonly subcommands: ReadonlyArray<{ readonly commands: ReadonlyArray<Described> }>
}

const flagsOf = (command: Described): ReadonlyArray<string> => [
  ...command.buildHelpDoc([]).flags.map(({ name }) => name),
  ...command.subcommands.flatMap(({ commands }) => commands.flatMap(flagsOf))
]
const builtIn = ["help", "version", "log-level", "completions"]
const flags = {
  node: new Set([...flagsOf(nodeCommand as unknown as Described), ...builtIn]),
  supervisor: new Set([...flagsOf(supervisorCommand as unknown as Described), ...builtIn])
}
const either = new Set([...flags.node, ...flags.supervisor])

/** Flags of programs that are not ours, each with the name that must stand before it in the sentence. */
const foreign: { readonly [flag: string]: string } = {
  "rpc.eth-proof-window": "op-reth",
  gcmode: "geth",
  "cpu-prof": "node",
  inspect: "node",
  "save-dev": "npm"
}

/** Programs of the workspace that have flags of their own, and flags for processes that we start. */
const others = ["packages/simulation/", "packages/backing/src/validation/NodePvfFlags.ts"]

const comments = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm
const literals = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g

/** The texts that a file may show. */
const sentences = sources
  .filter(({ file }) => !others.some((other) => file.startsWith(other)))
  .flatMap(({ file, text }) =>
    (text.replace(comments, "").match(literals) ?? []).map((sentence) => ({ file, sentence }))
  )

/** What is wrong with the flags that a sentence names. */
const unknownFlags = (sentence: string, known: ReadonlySet<string>): ReadonlyArray<string> =>
  [...sentence.matchAll(/(?<![\w-])--([a-z][a-z0-9.-]*[a-z0-9])/g)].flatMap(({ 1: flag = "", index }) => {
    const owner = foreign[flag]
    const isKnown = known.has(flag) || known.has(flag.replace(/^no-/, ""))
    const isForeign = owner !== undefined && sentence.slice(0, index).includes(owner)
    return isKnown || isForeign ? [] : [flag]
  })

/** An option of a library that a person at a terminal is told to set, and is not told how. */
const optionOfCode = /\b(?:set|give|as|raise|lower|choose|change)\s+([a-z]+[A-Z]\w*)/

describe("sentences", () => {
  it("knows the flags of both binaries", () => {
    assert.includeMembers(
      [...flags.node],
      ["execution-rpc", "interop-port", "stream-insecure-tokens", "from"]
    )
    assert.includeMembers([...flags.supervisor], ["l1-rpc", "l2-consensus.nodes", "rpc.enable-admin"])
    assert.isAbove(sentences.length, 2000)
  })

  it("name only options that the program has", () => {
    const wrong = sentences.flatMap(({ file, sentence }) => {
      const known = file.startsWith("apps/node/")
        ? flags.node
        : file.startsWith("apps/supervisor/")
          ? flags.supervisor
          : either
      return unknownFlags(sentence, known).map((flag) => `${file}: --${flag} in ${sentence}`)
    })
    assert.deepStrictEqual(wrong, [])
  })

  it("name no option of a library without the flag for it, or a way without", () => {
    const wrong = sentences.filter(
      ({ sentence }) => optionOfCode.test(sentence) && !/--[a-z]|ephor-node|sendNow/.test(sentence)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("would find a flag that is not there", () => {
    assert.deepStrictEqual(unknownFlags("give --execution-anchor 7", either), ["execution-anchor"])
    assert.deepStrictEqual(unknownFlags("(geth: --gcmode archive)", either), [])
    assert.deepStrictEqual(unknownFlags("give --gcmode archive", either), ["gcmode"])
    assert.deepStrictEqual(unknownFlags("leave out --rpc.admin-auth, or --no-metrics.enabled", either), [])
    assert.isTrue(optionOfCode.test("set messagePasserRoot to where it has one"))
  })
})
