/**
 * `node --conditions=ephor-source src/simulate.ts --seed N --steps N`: runs seeds in virtual time. Prints one line per
 * seed with the hash of its trace; at the first violation the end of the trace, and exit code 1.
 */
import { Cause, Effect, Exit } from "effect"
import * as Committee from "./committee/Committee.ts"
import * as Observers from "./observers/Observers.ts"
import * as Page from "./observers/Page.ts"
import * as Scale from "./observers/Scale.ts"
import * as Simulation from "./Simulation.ts"

const usage = `usage: simulate.ts [--seed N] [--seeds N] [--steps N] [--quiet] [--trace] [--plant garbage|disk]
       simulate.ts --committee [--seed N] [--seeds N]
       simulate.ts --observers [--seed N] [--seeds N] [--trace] [--plant ${Object.keys(Observers.plants).join("|")}]
       simulate.ts --observers --scale [--seed N]
  --seed N     first seed (default 1)
  --seeds N    how many seeds, one after the other (default 1)
  --steps N    blocks' times under faults (default 60)
  --quiet      no faults
  --trace      print the whole trace
  --committee  a hundred validators in groups, one malicious in each, at one relay parent
  --observers  origins, a liar, relays and leaves over faulty links
  --scale      ten thousand observers below one origin: prints docs/OBSERVERS.md
  --plant X    plant a fault that must be found: all validators lie (garbage), the disk forgets (disk)`

/** Lines of the trace that a violation shows. */
const shownLines = 40

const flags = new Map<string, string>()
const { argv } = process
for (let at = 2; at < argv.length; at++) {
  const name = argv[at]!
  if (["--seed", "--seeds", "--steps", "--plant"].includes(name)) flags.set(name, argv[++at] ?? "")
  else if (["--quiet", "--trace", "--committee", "--observers", "--scale"].includes(name)) flags.set(name, "")
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

const plantOf = <Name extends string>(plants: Readonly<Record<Name, unknown>>): Name | undefined => {
  const name = flags.get("--plant")
  if (name === undefined || Object.hasOwn(plants, name)) return name as Name | undefined
  return exitWith(2, `--plant takes ${Object.keys(plants).join(" or ")}, not ${JSON.stringify(name)}`)
}

const planted = (): Partial<Simulation.Options> => {
  const name = plantOf(Simulation.plants)
  return name === undefined ? {} : Simulation.plants[name]
}

/** One line for a seed; what led to a violation, and exit code 1 after it. */
const tell = (
  run: string,
  {
    hash,
    totals,
    trace,
    violation
  }: Pick<Observers.Report, "hash" | "trace"> & {
    readonly totals: object
    readonly violation: { readonly invariant: string; readonly message: string } | undefined
  }
): void => {
  if (flags.has("--trace")) console.log(trace.join("\n"))
  else if (violation !== undefined) console.log(trace.slice(-shownLines).join("\n"))
  const figures = Object.entries(totals).map(([name, figure]) => `${name} ${figure}`)
  console.log(`${run} hash ${hash}: ${figures.join(", ")}`)
  if (violation !== undefined) exitWith(1, `${run} violates ${violation.invariant}: ${violation.message}`)
}

if (flags.has("--scale") && !flags.has("--observers")) exitWith(2, "--scale goes with --observers")
const [first, seeds, steps] = [count("--seed", 1), count("--seeds", 1), count("--steps", 60)]

const committee = async (seed: number): Promise<void> => {
  const { hash, totals, violations } = await Effect.runPromise(Committee.simulate({ seed }))
  const figures = Object.entries(totals).map(([name, figure]) => `${name} ${figure}`)
  console.log(`seed ${seed} hash ${hash}: ${figures.join(", ")}`)
  if (violations.length > 0) exitWith(1, `seed ${seed}: ${violations.join("; ")}`)
}

const observers = async (seed: number): Promise<void> => {
  if (!flags.has("--scale")) {
    const plant = plantOf(Observers.plants)
    return tell(`seed ${seed}`, await Effect.runPromise(Observers.simulate({ seed, plant })))
  }
  const report = Scale.simulate({ seed })
  process.stdout.write(Page.page(report))
  if (report.violations.length > 0) exitWith(1, `seed ${seed}: ${report.violations.join("; ")}`)
}

const validators = async (seed: number): Promise<void> => {
  const options = {
    ...Simulation.faultyValidatorOf(seed),
    ...planted(),
    seed,
    steps,
    quiet: flags.has("--quiet")
  }
  const exit = await Effect.runPromiseExit(Simulation.simulate(options))
  if (Exit.isFailure(exit)) exitWith(1, `seed ${seed}: ${Cause.pretty(exit.cause)}`)
  tell(`seed ${seed} steps ${steps}`, exit.value)
}

const run = flags.has("--committee") ? committee : flags.has("--observers") ? observers : validators
for (let seed = first; seed < first + seeds; seed++) await run(seed)
