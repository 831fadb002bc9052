/** Who imports whom within a package, and whether by types only. */
import { dirname, join, normalize } from "node:path"
import { type Package, type Source, sources } from "./house.ts"

/** An import of a file of the same package. */
export interface Import {
  readonly from: string
  readonly to: string
  /** Nothing of it is left when the program runs. */
  readonly typesOnly: boolean
}

const pattern = /^(?:import|export)\s+(type\s+)?(\{[^}]*\}|\*\s+as\s+\w+|\*|\w+)\s+from\s+"(\.[^"]+)"/gm

const importsOf = ({ file, text }: Source): ReadonlyArray<Import> =>
  [...text.matchAll(pattern)].map(([, type, what = "", specifier = ""]) => {
    const names = what.startsWith("{")
      ? what
          .slice(1, -1)
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "")
      : []
    const typesOnly = type !== undefined || (names.length > 0 && names.every((n) => n.startsWith("type ")))
    return { from: file, to: normalize(join(dirname(file), specifier)), typesOnly }
  })

/** All imports within a package. */
export const importsWithin = (owner: Package): ReadonlyArray<Import> =>
  sources.filter((source) => source.package === owner).flatMap(importsOf)

/** A circle among imports, as the files on it; nothing where they form a DAG. */
export const circleIn = (imports: ReadonlyArray<Import>): ReadonlyArray<string> | undefined => {
  const edges = Map.groupBy(imports, ({ from }) => from)
  const done = new Set<string>()
  const visit = (file: string, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const { to } of edges.get(file) ?? []) {
      const circle = visit(to, [...path, file])
      if (circle !== undefined) return circle
    }
    done.add(file)
    return undefined
  }
  for (const file of edges.keys()) {
    const circle = visit(file, [])
    if (circle !== undefined) return circle
  }
  return undefined
}

const depth = (owner: Package, file: string) => file.slice(`${owner.dir}/src/`.length).split("/").length

/**
 * Whether an import is the way back from a room to the service that it is a room of: the implementation imports the type
 * of the service, the module of the service imports the maker.
 */
export const isWayBack = (owner: Package, { from, to, typesOnly }: Import): boolean =>
  typesOnly && depth(owner, from) > 1 && depth(owner, to) === 1
