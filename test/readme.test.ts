/** Every snippet of a README whose first line is `// run` runs, and prints something. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { snippetsOf } from "../scripts/snippets.mjs"

const root = dirname(import.meta.dirname)
const readmes = [
  "README.md",
  ...globSync(["packages/*/README.md", "apps/*/README.md", "docs/*.md", "examples/*/README.md"], {
    cwd: root
  })
]
  .filter((file) => existsSync(join(root, file)))
  .sort()

/** Snippets of the root see every package through the simulation, which depends on all of them. */
const home = (readme: string) =>
  readme === "README.md" || readme.startsWith("docs") ? "packages/simulation" : dirname(readme)

for (const readme of readmes) {
  const snippets = snippetsOf(join(root, readme))
  if (snippets.length === 0) continue
  describe(readme, () => {
    snippets.forEach((snippet, i) =>
      it(`snippet ${i + 1}`, () => {
        const folder = mkdtempSync(join(root, home(readme), ".snippet-"))
        try {
          const file = join(folder, "snippet.ts")
          writeFileSync(file, snippet)
          const result = spawnSync(process.execPath, ["--conditions=ephor-source", file], {
            encoding: "utf8",
            timeout: 120_000
          })
          assert.strictEqual(result.status, 0, result.stderr)
          assert.notStrictEqual(result.stdout.trim(), "")
        } finally {
          rmSync(folder, { recursive: true })
        }
      }, 70_000)
    )
  })
}

/** Packages that a text imports, by their names in the registry. */
const importedBy = (text: string) =>
  [...text.matchAll(/from "((?:@[^/"]+\/)?[^./"@:][^/":]*)(?:\/[^"]*)?"/g)].map((match) => match[1]!)

describe("the line that installs a package", () => {
  for (const readme of readmes.filter((file) => file.startsWith("packages/"))) {
    const text = readFileSync(join(root, readme), "utf8")
    const { name, private: isPrivate } = JSON.parse(
      readFileSync(join(root, dirname(readme), "package.json"), "utf8")
    )
    if (isPrivate === true) continue
    it(`${readme} names all that its snippets import`, () => {
      const line = /^npm install (.*)$/m.exec(text)?.[1] ?? ""
      const needed = new Set([name, ...snippetsOf(join(root, readme)).flatMap(importedBy)])
      assert.deepStrictEqual(
        [...needed].filter((wanted) => !line.split(" ").includes(wanted)),
        []
      )
    })
  }
})
