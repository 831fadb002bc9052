/** Who sends to whom in a validator: `vitest run -u apps/node/test/subsystems.test.ts` draws the page anew. */
import { describe, expect, it } from "@effect/vitest"
import { Overseer } from "@ephor/overseer"
import { join } from "node:path"
import { addresses } from "../src/Validator.ts"

const page = () => {
  const wiring = Overseer.graph(addresses)
  const cycles = Overseer.cycles(wiring)
  const short = (name: string) => name.slice(name.lastIndexOf("/") + 1)
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
    "Drawn from the declarations of the addresses (`sends`, `sendsNow`); a test keeps this page up to date. An edge named `now` never waits",
    "(`sendNow`), so that it cannot close a circle of waiting.",
    "",
    "```mermaid",
    Overseer.toMermaid(wiring).trim(),
    "```",
    "",
    cycles.length === 0
      ? "Circles over edges that wait: none."
      : `Circles over edges that wait: ${cycles.map((names) => names.map(short).join(", ")).join("; ")}.`,
    "",
    "| subsystem | waits for room at | never waits at |",
    "|---|---|---|",
    ...edges.map(
      ([name, sends, now]) => `| ${name} | ${sends.join(", ") || "–"} | ${now.join(", ") || "–"} |`
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
