// npm test: build, package checks, type checks, lint, format, tests. Every stage counts as one check; the last line is
// the sum over all packages: `N passed, N failed`.
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (name) => join(root, "node_modules", ".bin", name)
const only = process.argv.slice(2)
let passed = 0
let failed = 0
/** What failed, for the end: whoever reads only the last lines of a long run shall find it there. */
const failures = []

const stage = (name, command, args) => {
  const started = Date.now()
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  const ok = result.status === 0
  if (ok) passed++
  else {
    failed++
    failures.push(name)
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  console.log(
    `${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)${ok ? "" : `: ${result.error?.message ?? `exit ${result.status ?? result.signal}`}`}`
  )
  return ok
}

const turbo = (task) => [
  join(root, "node_modules", "turbo", "bin", "turbo"),
  "run",
  task,
  "--output-logs=errors-only"
]

if (only.length === 0) {
  stage("build", process.execPath, turbo("build"))
  stage("type check and Effect diagnostics", process.execPath, turbo("check"))
  stage("lint and import circles", bin("oxlint"), ["--deny-warnings"])
  stage("no promise thrown away", bin("oxlint"), [
    "--deny-warnings",
    "--type-aware",
    "-c",
    ".oxlintrc.promises.json"
  ])
  stage("format", bin("oxfmt"), ["--check"])
  stage("publint and attw", process.execPath, turbo("pack-check"))
}

/** Runs vitest and adds up its report. */
const tests = (name, args) => {
  const report = join(root, ".house", `${name}.json`)
  mkdirSync(dirname(report), { recursive: true })
  rmSync(report, { force: true })
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
  const result = spawnSync(process.execPath, [vitest, "run", ...reporters, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"]
  })
  let counted = { passed: 0, failed: 0, total: 0 }
  try {
    const { numFailedTests, numPassedTests, numTotalTests, testResults } = JSON.parse(
      readFileSync(report, "utf8")
    )
    // A file that does not even load has no failed test, but it has failed.
    const broken = testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
    )
    for (const file of testResults) {
      const path = relative(root, file.name)
      if (broken.includes(file)) failures.push(`${path}: ${file.message}`)
      for (const test of file.assertionResults) {
        if (test.status === "failed") {
          failures.push(`${path}: ${test.fullName}\n${test.failureMessages.join("\n")}`)
        }
      }
    }
    counted = { passed: numPassedTests, failed: numFailedTests + broken.length, total: numTotalTests }
  } catch (error) {
    console.log(`${name}: no report (${error.message})`)
  }
  passed += counted.passed
  failed += counted.failed
  if (counted.total === 0 || (result.status !== 0 && counted.failed === 0)) {
    failed++
    failures.push(`${name}: vitest ended with ${result.status ?? result.signal}, and no test had failed`)
  }
}

/** Runs everything once more as users have it, and adds up what was checked. */
const packed = () => {
  const report = join(root, ".house", "packed.json")
  rmSync(report, { force: true })
  const ok = stage("from packed tarballs", process.execPath, [join(root, "scripts", "packed.mjs")])
  try {
    const counted = JSON.parse(readFileSync(report, "utf8"))
    passed += counted.passed
    failed += counted.failed
  } catch (error) {
    if (ok) failed++
    failures.push("packed tarballs: no report")
    console.log(`packed tarballs: no report (${error.message})`)
  }
}

if (only.length > 0) {
  tests("chosen", only)
} else {
  tests("packages", ["--exclude", "apps/**", "--exclude", "packages/simulation/**"])
  // On virtual time: another one beside it makes a simulation slower, and changes nothing.
  // It makes millions of objects that die at once: a larger young generation saves a tenth of the time.
  tests("simulation", [
    "packages/simulation",
    `--maxWorkers=${availableParallelism()}`,
    "--execArgv=--conditions=ephor-source",
    "--execArgv=--max-semi-space-size=128"
  ])
  // Whole programs, one after the other: they would only slow each other down.
  tests("apps", ["apps", "--no-file-parallelism"])
  packed()
}
if (failures.length > 0) {
  console.log(
    `\nwhat failed:\n${failures.map((failure) => `- ${failure.replaceAll("\n", "\n  ")}`).join("\n")}\n`
  )
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
