/**
 * Flags as Go programs take them: one dash is as good as two.
 */

/** A flag with a name of two letters or more behind one dash. */
const oneDash = /^-[A-Za-z][\w.-]/

/** Arguments with two dashes before every long flag; what follows a bare `--` stays as it is. */
export const normalize = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = args.indexOf("--")
  const flags = end < 0 ? args : args.slice(0, end)
  return [...flags.map((arg) => (oneDash.test(arg) ? `-${arg}` : arg)), ...(end < 0 ? [] : args.slice(end))]
}
