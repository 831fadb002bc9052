/** The rules of the house, read off the source tree. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { packages, root, sources as read } from "./support/house.ts"
import { circleIn, importsWithin, isWayBack } from "./support/imports.ts"

const sources = read.map(({ file, isPrivate, package: { folder }, text }) => ({
  file,
  folder,
  isPrivate,
  lines: text.split("\n")
}))
const offenders = (found: ReadonlyArray<string>) => assert.deepStrictEqual(found, [])

/** The package of an import of another one, static or dynamic. */
const importPattern =
  /(?:^import |^(?:import |export |\}).*\bfrom |\bimport\()"((?:@[a-z0-9-]+\/)?[a-z0-9-]+)(?:\/[^"\n]*)?"/gm

describe("tidy", () => {
  it("keeps source files at 300 lines or less", () =>
    offenders(
      sources
        .filter(({ lines }) => lines.length > 301)
        .map(({ file, lines }) => `${file}: ${lines.length - 1}`)
    ))

  it("keeps node:* and platform-node inside Node* files and apps", () =>
    offenders(
      sources
        .filter(({ file, folder }) => folder === "packages" && !basename(file).startsWith("Node"))
        .filter(({ lines }) => lines.some((line) => /from "(node:|@effect\/platform-node)/.test(line)))
        .map(({ file }) => file)
    ))

  it("reads time and randomness only through Clock and Random outside Node* files", () =>
    offenders(
      sources
        .filter(({ file, folder }) => folder === "packages" && !basename(file).startsWith("Node"))
        // The console lives in a browser, without Effect.
        .filter(({ file }) => !file.startsWith("packages/console/"))
        .flatMap(({ file, lines }) =>
          lines.flatMap((line, i) =>
            /\b(Date\.now\(|new Date\(\)|Math\.random\(|setTimeout\(|setInterval\(|performance\.now\()/.test(
              line
            ) && !/^\s*(\*|\/\/)/.test(line)
              ? [`${file}:${i + 1}`]
              : []
          )
        )
    ))

  it("measures durations by Elapsed: the wall clock is read only where the time of day is meant", () => {
    // Timestamps of blocks and votes, tokens, dates that are printed, times that are compared with those of others.
    const timesOfDay = [
      "apps/node/src/Prepare.ts",
      "apps/node/src/devnet/Network.ts",
      "apps/node/src/devnet/NodeChildren.ts",
      "apps/node/src/status/NodeParts.ts",
      "apps/supervisor/src/SupervisorParts.ts",
      "packages/backing/src/Provisioner.ts",
      "packages/cli/src/StatusFeed.ts",
      "packages/cli/src/WallClock.ts",
      "packages/devchain/src/authoring/DagMaker.ts",
      // When people decided.
      "packages/disputes/src/Governance.ts",
      "packages/disputes/src/coordinator/State.ts",
      "packages/json-rpc/src/Jwt.ts",
      "packages/safety/src/chain/ChainWorker.ts"
    ]
    const readers = sources
      .filter(({ file }) => !file.startsWith("packages/simulation/"))
      .filter(({ lines }) =>
        lines.some((line) => /^(?!\s*(?:\/?\*|\/\/)).*\bcurrentTime(?:Milli|Nano)s/.test(line))
      )
      .map(({ file }) => file)
    assert.deepStrictEqual(readers.toSorted(), timesOfDay)
  })

  it("documents every export", () =>
    offenders(
      sources
        .filter(({ isPrivate }) => !isPrivate)
        .flatMap(({ file, lines }) => undocumented(lines).map((name) => `${file}: ${name}`))
    ))

  it("has a README for every package", () =>
    offenders(
      packages
        .filter(({ dir, json }) => !json.private && !existsSync(join(root, dir, "README.md")))
        .map(({ dir }) => dir)
    ))

  it("has no circles between packages", () => {
    const edges = new Map(
      packages.map(({ json }) => [
        json.name as string,
        Object.keys(json.dependencies ?? {}).filter((d) => d.startsWith("@ephor/"))
      ])
    )
    const visit = (name: string, path: ReadonlyArray<string>): void => {
      assert.isFalse(path.includes(name), `circle: ${[...path, name].join(" -> ")}`)
      for (const next of edges.get(name) ?? []) visit(next, [...path, name])
    }
    for (const name of edges.keys()) visit(name, [])
  })

  it("has no circles between files, but for services and their implementations, which know each other by type", () => {
    const circles = packages.flatMap((owner) => {
      const imports = importsWithin(owner)
      const values = circleIn(imports.filter(({ typesOnly }) => !typesOnly))
      const others = circleIn(imports.filter((one) => !isWayBack(owner, one)))
      return [values, others].flatMap((circle) => (circle === undefined ? [] : [circle.join(" -> ")]))
    })
    offenders(circles)
    const pairs = packages.flatMap((owner) => {
      const imports = importsWithin(owner)
      return imports
        .filter((one) => isWayBack(owner, one))
        .filter(({ from, to }) => imports.some((other) => other.from === to && other.to === from))
        .map(({ from, to }) => `${to} <-> ${from.slice(`${owner.dir}/src/`.length)}`)
    })
    // Seen with `--reporter=verbose`: who knows whom by type only.
    console.info(["services and their implementations:", ...new Set(pairs)].join("\n  "))
  })

  it("names a file after what it exports", () =>
    offenders(
      read
        .map(({ file }) => file)
        .filter((file) => !/\/([A-Z]\w*|index|bin|main|version|simulate)\.ts$/.test(file))
    ))

  it("keeps rooms private, and names no room `internal`", () =>
    offenders(
      packages
        .filter(({ json }) => json.exports?.["./*"] !== undefined)
        .flatMap(({ dir, rooms }) =>
          readdirSync(join(root, dir, "src"), { withFileTypes: true })
            .filter((entry) => entry.isDirectory())
            .filter(({ name }) => !["testing", "messages", "codec"].includes(name))
            .filter(({ name }) => name === "internal" || !rooms.includes(name))
            .map(({ name }) => `${dir}/src/${name}`)
        )
    ))

  it("draws the house as it is", () => {
    const drawing = readFileSync(join(root, "docs/ARCHITECTURE.md"), "utf8")
    const mermaid = /```mermaid\n([^]*?)```/.exec(drawing)?.[1] ?? ""
    const drawn = [
      ...mermaid.matchAll(/^\s*([\w-]+(?:\s*&\s*[\w-]+)*) --> ([\w-]+(?:\s*&\s*[\w-]+)*)$/gm)
    ].flatMap(([, from = "", to = ""]) =>
      from.split("&").flatMap((a) => to.split("&").map((b) => `${a.trim()} --> ${b.trim()}`))
    )
    const short = (name: string) => name.replace("@ephor/", "")
    const real = packages
      .filter(({ json }) => json.private !== true)
      .flatMap(({ json }) =>
        Object.keys(json.dependencies ?? {})
          .filter((name) => name.startsWith("@ephor/"))
          .map((name) => `${short(json.name)} --> ${short(name)}`)
      )
    assert.deepStrictEqual(drawn.toSorted(), real.toSorted())
  })

  it("declares every package that its sources import: what is only there for tests is not there for users", () =>
    offenders(
      read
        .filter(({ package: { json } }) => json.private !== true)
        .flatMap(({ file, package: { json }, text }) => {
          const declared = { ...json.dependencies, ...json.peerDependencies, [json.name]: "" }
          return [...text.matchAll(importPattern)]
            .map((match) => match[1]!)
            .filter((name) => !(name in declared))
            .map((name) => `${file}: ${name}`)
        })
    ))

  it("waits for nothing while a module of a package loads", () =>
    offenders(
      sources
        .filter(({ folder }) => folder === "packages")
        .filter(({ lines }) => lines.some((line) => /^(?:(?:export )?(?:const|let) .*= )?await\b/.test(line)))
        .map(({ file }) => file)
    ))

  it("leaves no unfinished marks", () =>
    offenders(
      sources.flatMap(({ file, lines }) =>
        lines.flatMap((line, i) => {
          const mark =
            /\b(TODO|FIXME|XXX)\b|@ts-ignore/.test(line) ||
            (/\bas any\b/.test(line) && !/^\s*(\/?\*|\/\/)/.test(line))
          return mark ? [`${file}:${i + 1}: ${line.trim()}`] : []
        })
      )
    ))
})

/** Names of exports that no doc comment precedes. A type beside a value of its name shares its comment. */
function undocumented(lines: ReadonlyArray<string>): ReadonlyArray<string> {
  const names: Array<string> = []
  const documented = new Set<string>()
  lines.forEach((line, i) => {
    const match =
      /^export (?:declare )?(?:abstract )?(?:const|function\*?|class|interface|type|let) (\w+)/.exec(line)
    if (match === null) return
    const name = match[1]!
    const before = lines[i - 1]?.trim() ?? ""
    if (before.endsWith("*/")) documented.add(name)
    else if (!documented.has(name)) names.push(name)
  })
  return names
}
