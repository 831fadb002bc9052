/** The packages and sources of the workspace, as the checks of the house see them. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** The folder of the workspace. */
export const root = join(import.meta.dirname, "../..")

/** A package with its manifest. */
export interface Package {
  /** `packages/chain` */
  readonly dir: string
  /** `packages` or `apps` */
  readonly folder: string
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest is read field by field
  readonly json: any
  /** Folders of `src` that its exports map keeps private. */
  readonly rooms: ReadonlyArray<string>
}

/** A source file of a package. */
export interface Source {
  readonly file: string
  readonly package: Package
  readonly text: string
  /** Nobody outside the package can import it. */
  readonly isPrivate: boolean
}

/** All packages and apps. */
export const packages: ReadonlyArray<Package> = ["packages", "apps"].flatMap((folder) =>
  globSync(`${folder}/*/package.json`, { cwd: root })
    .sort()
    .map((file) => {
      const json = JSON.parse(readFileSync(join(root, file), "utf8"))
      const rooms = Object.entries(json.exports ?? {}).flatMap(([path, target]) =>
        target === null ? [path.slice(2, -2)] : []
      )
      return { dir: dirname(file), folder, json, rooms }
    })
)

/** All hand-written sources. */
export const sources: ReadonlyArray<Source> = packages.flatMap((owner) =>
  globSync(`${owner.dir}/src/**/*.ts`, { cwd: root })
    .filter((file) => !file.endsWith(".gen.ts"))
    .sort()
    .map((file) => {
      const room = file.slice(`${owner.dir}/src/`.length).split("/")[0]!
      return {
        file,
        package: owner,
        text: readFileSync(join(root, file), "utf8"),
        isPrivate: owner.rooms.includes(room)
      }
    })
)
