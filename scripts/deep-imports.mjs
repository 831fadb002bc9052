/**
 * What is written `import { Effect } from "effect"` loads the whole of effect where nobody bundles. In what we publish each
 * such import names the module itself (`import * as Effect from "effect/Effect"`): the same module, without its neighbours.
 * Sources stay as people write them.
 */
import { existsSync, readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname, join, posix } from "node:path"

/** Packages whose barrels are looked through. */
const isBarrel = /^(effect(\/[a-z-]+)?|@effect\/platform-node|@ephor\/[a-z-]+)$/

/** The folder of a package, as a package that lives in `from` sees it. */
const folderOf = (name, from) => {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name)
    if (existsSync(join(folder, "package.json"))) return folder
    if (at === dirname(at)) return undefined
  }
}

const names = (list) =>
  list
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "" && !item.startsWith("type "))

/** What an index file exports: name to the module that has it, and whether the name is that whole module. */
const readIndex = (root, file, exported = new Map()) => {
  const text = readFileSync(join(root, file), "utf8")
  const at = (path) => posix.join(posix.dirname(file), path).replace(/\.(ts|js)$/, "")
  for (const [, name, path] of text.matchAll(/^export \* as (\w+) from "(.+)"/gm))
    exported.set(name, { module: at(path), whole: true })
  for (const [, list, path] of text.matchAll(/^export \{([^}]*)\} from "(.+)"/gm))
    for (const name of names(list)) exported.set(name, { module: at(path), whole: false })
  for (const [, path] of text.matchAll(/^export \* from "(.+)"/gm)) {
    const target = posix.join(posix.dirname(file), path)
    const source = readFileSync(join(root, target), "utf8")
    for (const [, name] of source.matchAll(/^export (?:abstract )?(?:const|class|function\*?|let) (\w+)/gm))
      exported.set(name, { module: at(path), whole: false })
    if (posix.basename(target).startsWith("index.")) readIndex(root, target, exported)
  }
  return exported
}

const barrels = new Map()

/** The barrel of a specifier, with the rooms that its package keeps private. */
const barrelOf = (specifier, from) => {
  const known = barrels.get(specifier)
  if (known !== undefined) return known
  const [, name, rest = ""] = /^((?:@[^/]+\/)?[^/]+)(\/.+)?$/.exec(specifier)
  const folder = folderOf(name, from)
  if (folder === undefined) return undefined
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const isOurs = name.startsWith("@ephor/")
  const barrel = {
    name,
    exported: readIndex(join(folder, isOurs ? "src" : "dist"), isOurs ? "index.ts" : `.${rest}/index.js`),
    isPrivate: (module) =>
      Object.entries(exports).some(
        ([path, target]) => target === null && module.startsWith(path.slice(2, -1)) && path.endsWith("/*")
      )
  }
  barrels.set(specifier, barrel)
  return barrel
}

/** The import of one name, or nothing where it is to stay as it is. */
const deepen = (barrel, item) => {
  const [name, alias = name] = item.split(/\s+as\s+/)
  const found = barrel.exported.get(name)
  if (found === undefined || barrel.isPrivate(found.module)) return undefined
  const path = `${barrel.name}/${found.module}`
  return found.whole ? `import * as ${alias} from "${path}"` : `import { ${item} } from "${path}"`
}

/** The text of a module of a package in `from`, its imports of barrels deepened. Lines stay where they are. */
export const deepImports = (text, from) =>
  text.replaceAll(/^import \{([^}]*)\} from "([^"]+)"/gm, (whole, list, specifier) => {
    if (!isBarrel.test(specifier)) return whole
    const barrel = barrelOf(specifier, from)
    if (barrel === undefined) return whole
    const stays = []
    const deep = []
    for (const item of names(list)) {
      const line = deepen(barrel, item)
      if (line === undefined) stays.push(item)
      else deep.push(line)
    }
    const all = [...deep, ...(stays.length > 0 ? [`import { ${stays.join(", ")} } from "${specifier}"`] : [])]
    return all.join("; ") + "\n".repeat(whole.split("\n").length - 1)
  })

/** For esbuild: deepens the imports of every TypeScript file of the package that is built. */
export const deepImportsPlugin = {
  name: "deep-imports",
  setup(build) {
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: deepImports(await readFile(path, "utf8"), dirname(path)),
      loader: "ts"
    }))
  }
}
