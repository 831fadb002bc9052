/**
 * `node --conditions=ephor-source src/simulate.ts --seed N --steps N`: runs seeds in virtual time. Prints one line per
 * seed with the hash of its trace; at the first violation the end of the trace, and exit code 1.
 */
import { Cause, Effect, Exit } from "effect"
import * as Committee from "./committee/Committee.ts"
import * as Simulation from "./Simulation.ts"

const usage = `usage: simulate.ts [--seed N] [--seeds N] [--steps N] [--quiet] [--trace] [--plant garbage|disk]
       simulate.ts --committee [--seed N] [--seeds N]
  --seed N     first seed (default 1)
  --seeds N    how many seeds, one after the other (default 1)
  --steps N    blocks' times under faults (default 60)
  --quiet      no faults
  --trace      print the whole trace
  --committee  a hundred validators in groups, one malicious in each, at one relay parent
  --plant X    plant a fault that must be found: all validators lie (garbage), the disk forgets (disk)`

/** Lines of the trace that a violation shows. */
const shownLines = 40

const flags = new Map<string, string>()
const { argv } = process
for (let at = 2; at < argv.length; at++) {
  const name = argv[at]!
  if (["--seed", "--seeds", "--steps", "--plant"].includes(name)) flags.set(name, argv[++at] ?? "")
  else if (["--quiet", "--trace", "--committee"].includes(name)) flags.set(name, "")
  else exitWith(2, name === "--help" ? usage : `unknown argument ${name}\n${usage}`)
}

function exitWith(code: number, text: string): never {
  console.error(text)
  process.exit(code)
}

const count = (name: string, otherwise: number): number => {
  const text = flags.get(name) ?? String(otherwise)
  return /^\d+$/.test(text)
    ? Number(text)
    : exitWith(2, `${name} takes a number, not ${JSON.stringify(text)}`)
}

const planted = (): Partial<Simulation.Options> => {
  const name = flags.get("--plant")
  if (name === undefined) return {}
  return Object.hasOwn(Simulation.plants, name)
    ? Simulation.plants[name as keyof typeof Simulation.plants]
    : exitWith(2, `--plant takes ${Object.keys(Simulation.plants).join(" or ")}, not ${JSON.stringify(name)}`)
}

const [first, seeds, steps] = [count("--seed", 1), count("--seeds", 1), count("--steps", 60)]
for (let seed = first; flags.has("--committee") && seed < first + seeds; seed++) {
  const { hash, totals, violations } = await Effect.runPromise(Committee.simulate({ seed }))
  const figures = Object.entries(totals).map(([name, figure]) => `${name} ${figure}`)
  console.log(`seed ${seed} hash ${hash}: ${figures.join(", ")}`)
  if (violations.length > 0) exitWith(1, `seed ${seed}: ${violations.join("; ")}`)
}
for (let seed = first; !flags.has("--committee") && seed < first + seeds; seed++) {
  const options = {
    ...Simulation.faultyValidatorOf(seed),
    ...planted(),
    seed,
    steps,
    quiet: flags.has("--quiet")
  }
  const exit = await Effect.runPromiseExit(Simulation.simulate(options))
  if (Exit.isFailure(exit)) exitWith(1, `seed ${seed}: ${Cause.pretty(exit.cause)}`)
  const { hash, totals, trace, violation } = exit.value
  if (flags.has("--trace")) console.log(trace.join("\n"))
  else if (violation !== undefined) console.log(trace.slice(-shownLines).join("\n"))
  const figures = Object.entries(totals).map(([name, figure]) => `${name} ${figure}`)
  console.log(`seed ${seed} steps ${steps} hash ${hash}: ${figures.join(", ")}`)
  if (violation !== undefined)
    exitWith(1, `seed ${seed} violates ${violation.invariant}: ${violation.message}`)
}
