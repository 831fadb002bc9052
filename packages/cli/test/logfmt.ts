/** A strict reader of logfmt, by the rules of Go's `go-logfmt`: throws at what that one refuses, and at a name twice. */
export const parseLogfmt = (line: string): ReadonlyMap<string, string> => {
  const fields = new Map<string, string>()
  let at = 0
  while (at < line.length) {
    const key = /^(?:(?!["=])[!-~])+/.exec(line.slice(at))?.[0]
    if (key === undefined) throw new Error(`no name at ${at}: ${line}`)
    at += key.length
    if (line[at] !== "=") throw new Error(`no value of ${key}: ${line}`)
    at++
    const rest = line.slice(at)
    const value =
      /^"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/u.exec(rest)?.[0] ??
      /^(?:(?!["=])[!-~])*/.exec(rest)![0]
    at += value.length
    if (fields.has(key)) throw new Error(`${key} twice: ${line}`)
    fields.set(key, value.startsWith('"') ? JSON.parse(value) : value)
    if (at === line.length) break
    if (line[at] !== " ") throw new Error(`something after the value of ${key}: ${line}`)
    at++
  }
  return fields
}
