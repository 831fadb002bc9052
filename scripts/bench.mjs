// npm run bench -- PACKAGE [--json]: runs the package's bench/*.bench.ts and prints what, ours, peer, ratio as they come.
// A bench file writes one JSON row per line to stdout: {"what","ours","peer","ratio","unit"}.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
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

/** Columns of the table: wide enough for what our benches say, so that a row can be printed when it comes. */
const widths = [84, 20, 10, 0]
const line = (cells) =>
  cells
    .map((cell, i) => String(cell).padEnd(widths[i]))
    .join("  ")
    .trimEnd()
const cellsOf = ({ ours, peer, ratio, unit, what }) => [
  what,
  unit ? `${ours} ${unit}` : ours,
  peer ?? "-",
  ratio === undefined ? "-" : `${ratio}x`
]

if (!json) console.log(line(["what", "ours", "peer", "ratio"]))
for (const file of readdirSync(folder)
  .filter((f) => f.endsWith(".bench.ts"))
  .sort()) {
  process.stderr.write(`${name}: ${file}\n`)
  const args = ["--conditions=ephor-source", "--expose-gc", join(folder, file)]
  const child = spawn(process.execPath, args, { cwd: dirname(folder), stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "close")
  for await (const row of createInterface({ input: child.stdout }))
    console.log(json ? row : line(cellsOf(JSON.parse(row))))
  const [status, signal] = await ended
  if (status !== 0) {
    process.stderr.write(`${file} failed (exit ${status ?? signal})\n`)
    process.exit(1)
  }
}
