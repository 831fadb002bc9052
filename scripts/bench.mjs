// npm run bench -- PACKAGE [--json]: runs the package's bench/*.bench.ts and prints what, ours, peer, ratio.
// A bench file writes one JSON row per line to stdout: {"what","ours","peer","ratio","unit"}.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const json = process.argv.includes("--json")
const name = process.argv.slice(2).find((a) => !a.startsWith("-"))
const folder = name && ["packages", "apps"].map((d) => join(root, d, name, "bench")).find(existsSync)
if (!folder) {
  const known = readdirSync(join(root, "packages")).filter((p) =>
    existsSync(join(root, "packages", p, "bench"))
  )
  process.stderr.write(`npm run bench -- PACKAGE [--json]\n  PACKAGE is one of: ${known.join(", ")}\n`)
  process.exit(1)
}
const rows = []
for (const file of readdirSync(folder)
  .filter((f) => f.endsWith(".bench.ts"))
  .sort()) {
  process.stderr.write(`${name}: ${file}\n`)
  const args = ["--conditions=ephor-source", "--expose-gc", join(folder, file)]
  const result = spawnSync(process.execPath, args, {
    cwd: dirname(folder),
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8"
  })
  if (result.status !== 0) {
    process.stderr.write(`${file} failed (exit ${result.status ?? result.signal})\n`)
    process.exit(1)
  }
  for (const line of result.stdout.split("\n").filter(Boolean)) rows.push(JSON.parse(line))
}
if (json) {
  for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
} else {
  const text = rows.map((r) =>
    [
      r.what,
      `${r.ours}${r.unit ? ` ${r.unit}` : ""}`,
      r.peer ?? "-",
      r.ratio === undefined ? "-" : `${r.ratio}x`
    ].map(String)
  )
  const table = [["what", "ours", "peer", "ratio"], ...text]
  const widths = [0, 1, 2, 3].map((i) => Math.max(...table.map((row) => row[i].length)))
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd()}\n`
    )
}
