/** Who sends to whom in a validator: `vitest run -u apps/node/test/subsystems.test.ts` draws the page anew. */
import { describe, expect, it } from "@effect/vitest"
import { Overseer } from "@ephor/overseer"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { addresses } from "../src/Validator.ts"

const root = join(import.meta.dirname, "../../..")
const sources = globSync("packages/{overseer/src/messages,backing/src}/*.ts", { cwd: root }).map((file) =>
  readFileSync(join(root, file), "utf8")
)

/** Tags of the messages of an address, in the order of its declaration: types leave no trace at run time. */
const messagesOf = (name: string) =>
  sources.flatMap((source) => {
    const union = source.match(new RegExp(`^export type ${name}Message =([^]*?)(?=\\n\\n)`, "m"))?.[1]
    const tags = new Map(
      Array.from(source.matchAll(/^export interface (\w+) \{\s+readonly _tag: "(\w+)"/gm), (m) => [
        m[1],
        m[2]
      ])
    )
    return (union?.match(/\w+/g) ?? []).flatMap((member) => tags.get(member) ?? [])
  })

const page = () => {
  const wiring = Overseer.graph(addresses)
  const short = (name: string) => name.slice(name.lastIndexOf("/") + 1)
  const circles = (count: "waiting" | "all") =>
    Overseer.cycles(wiring, count)
      .map((names) => `- ${names.map(short).join(", ")}`)
      .sort()
  const edges = addresses.flatMap(({ key, options }) => {
    const names = (targets: ReadonlyArray<unknown> | undefined) =>
      (targets ?? []).map((target) =>
        short(typeof target === "string" ? target : (target as { key: string }).key)
      )
    return [[short(key), names(options.sends?.()).sort(), names(options.sendsNow?.()).sort()] as const]
  })
  return [
    "# Subsystems of a validator",
    "",
    "Drawn from the declarations of the addresses (`sends`, `sendsNow`), outside of which nothing compiles; a test keeps this page up to date.",
    "An edge says what may be sent; one named `now` never waits (`sendNow`), so that it cannot close a circle of waiting. Answers travel",
    "inside of requests and are no edges.",
    "",
    "```mermaid",
    Overseer.toMermaid(wiring).trim(),
    "```",
    "",
    "## Circles",
    "",
    "Over edges that wait:",
    "",
    ...(circles("waiting").length === 0 ? ["- none"] : circles("waiting")),
    "",
    "Over all edges, so kept from standing still by `now`:",
    "",
    ...circles("all"),
    "",
    "## Who sends what to whom",
    "",
    "| subsystem | listens to | waits for room at | never waits at |",
    "|---|---|---|---|",
    ...edges.map(
      ([name, sends, now]) =>
        `| ${name} | ${messagesOf(name).join(", ") || "signals only"} | ${sends.join(", ") || "–"} | ${now.join(", ") || "–"} |`
    ),
    ""
  ].join("\n")
}

describe("the subsystems of a validator", () => {
  it("send to each other as the documentation draws it", async () => {
    await expect(page()).toMatchFileSnapshot(join(import.meta.dirname, "../../../docs/SUBSYSTEMS.md"))
  })

  it("never wait for each other in a circle", () => {
    expect(Overseer.cycles(Overseer.graph(addresses))).toEqual([])
    expect(Overseer.unconnected(addresses)).toEqual([])
  })
})
