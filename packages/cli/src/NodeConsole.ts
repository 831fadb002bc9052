/**
 * The console: the page at `/` of an admin port. Its files lie beside the program, and are read when somebody first asks
 * for them.
 */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { gzip as gzipCallback } from "node:zlib"
import { type Reply, type Route, text } from "@ephor/json-rpc/Door"
import { Effect } from "effect"

const gzip = promisify(gzipCallback)

/** Nothing from elsewhere, nothing inline, in no frame. */
export const policy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

const files: { readonly [path: string]: { readonly name: string; readonly type: string } } = {
  "/": { name: "index.html", type: "text/html; charset=utf-8" },
  "/console.js": { name: "console.js", type: "text/javascript; charset=utf-8" },
  "/console.css": { name: "console.css", type: "text/css; charset=utf-8" },
  "/console.svg": { name: "console.svg", type: "image/svg+xml" }
}

const headersOf = (type: string) => ({
  "Content-Type": type,
  "Content-Security-Policy": policy,
  "X-Content-Type-Options": "nosniff",
  // Not none at all: then a browser would not name the origin of the page with what it sends.
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-cache",
  Vary: "Accept-Encoding"
})

/**
 * Where the files lie: in `console` beside the module of this URL, or where the workspace has built them. Nothing where
 * neither is so.
 */
export const folderBeside = (url: string): string | undefined => {
  const beside = fileURLToPath(new URL("./console/", url))
  if (existsSync(join(beside, "index.html"))) return beside
  try {
    const built = join(dirname(createRequire(url).resolve("@ephor/console/package.json")), "dist")
    return existsSync(join(built, "index.html")) ? built : undefined
  } catch {
    return undefined
  }
}

const missing = text(404, "this program was built without its page: /status tells the same as JSON")

interface File {
  readonly plain: Uint8Array
  readonly zipped: Uint8Array
}

/** The page and what it loads, for whoever may ask at the port. `url` is that of the module of the program that serves it. */
export const routes = (url: string): ReadonlyArray<Route> => {
  const read = new Map<string, File>()
  const load = async (name: string): Promise<File | undefined> => {
    const known = read.get(name)
    if (known !== undefined) return known
    const folder = folderBeside(url)
    if (folder === undefined) return undefined
    const plain = await readFile(join(folder, name))
    const file = { plain, zipped: await gzip(plain, { level: 9 }) }
    read.set(name, file)
    return file
  }
  return Object.entries(files).map(([path, { name, type }]) => ({
    method: "GET",
    path,
    isOpen: true,
    handle: ({ headers }) =>
      Effect.tryPromise({ try: () => load(name), catch: () => missing }).pipe(
        Effect.map((file): Reply => {
          if (file === undefined) return missing
          const zips = /\bgzip\b/.test(headers["accept-encoding"] ?? "")
          return zips
            ? { status: 200, headers: { ...headersOf(type), "Content-Encoding": "gzip" }, body: file.zipped }
            : { status: 200, headers: headersOf(type), body: file.plain }
        })
      )
  }))
}
