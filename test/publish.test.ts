/** What a package needs to be published: where it comes from, under which terms, what it may be installed with. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parse } from "yaml"
import { root } from "./support/house.ts"

const read = (file: string) => readFileSync(join(root, file), "utf8")
const manifests = globSync(["packages/*/package.json", "apps/*/package.json"], { cwd: root })
  .sort()
  .map((file) => ({ directory: dirname(file).replaceAll("\\", "/"), json: JSON.parse(read(file)) }))
  .filter(({ json }) => json.private !== true)

const home = "https://github.com/ephor/ephor"

describe("every package that is published", () => {
  it.for(manifests.map(({ directory, json }) => [json.name, directory, json] as const))(
    "%s says where it comes from and under which terms",
    ([, directory, json]) => {
      assert.deepStrictEqual(json.repository, { type: "git", url: `git+${home}.git`, directory })
      assert.strictEqual(json.homepage, `${home}/tree/main/${directory}#readme`)
      assert.deepStrictEqual(json.bugs, { url: `${home}/issues` })
      assert.isAtLeast(json.keywords.length, 3)
      assert.match(json.license, /^MIT(?: AND [\w.-]+)*$/)
      // What is compiled into it may come under terms of its own, which are told in full.
      const others = json.license === "MIT" ? [] : ["LICENSES.md"]
      assert.strictEqual(read(`${directory}/LICENSE`), read("LICENSE"))
      assert.match(read(`${directory}/CHANGELOG.md`), new RegExp(`^# ${json.name}\n`))
      for (const file of ["LICENSE", ...others, "README.md", "CHANGELOG.md", "dist"])
        assert.include(json.files, file)
      for (const file of ["README.md", ...others])
        assert.isTrue(existsSync(join(root, directory, file)), file)
    }
  )

  it.for(manifests.map(({ json }) => [json.name, json] as const))(
    "%s may be installed with later versions of what it uses",
    ([, { dependencies = {}, peerDependencies = {} }]) => {
      for (const [name, range] of Object.entries<string>({ ...dependencies, ...peerDependencies }))
        assert.match(range, /^(?:workspace:\^|[\^~]\d+\.\d+\.\d+)$/, name)
    }
  )
})

describe("a release", () => {
  it("builds, and publishes with provenance what the changesets ask for", () => {
    const { scripts } = JSON.parse(read("package.json"))
    const { jobs } = parse(read(".github/workflows/release.yml"))
    const { permissions, steps } = jobs.release
    assert.strictEqual(permissions["id-token"], "write")
    const step = steps.find(({ uses = "" }) => uses.startsWith("changesets/action"))
    assert.strictEqual(step.env.NPM_CONFIG_PROVENANCE, "true")
    for (const command of [step.with.version, step.with.publish])
      assert.property(scripts, command.replace("npm run ", ""))
    assert.include(
      steps.map(({ run }: { readonly run?: string }) => run),
      "npm run build"
    )
  })

  it("tells people where to report what is wrong", () => {
    assert.include(read("SECURITY.md"), `${home}/security/advisories/new`)
  })
})
