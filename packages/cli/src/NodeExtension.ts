/**
 * Modules that extend a program: found by path or as packages, with the packages of the program where they bring none of
 * their own. What goes wrong in one is told as its fault.
 */
import { Cause, Effect, Layer, Schema } from "effect"
import { existsSync } from "node:fs"
import { registerHooks } from "node:module"
import { isAbsolute, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"

/** An extension cannot be used, or failed; the message says which and why. */
export class ExtensionError extends Schema.TaggedError<ExtensionError>()("ExtensionError", {
  message: Schema.String
}) {}

const textOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!

/** Whether a word names a file rather than a package. */
const isPath = (specifier: string) =>
  isAbsolute(specifier) || /^\.{1,2}(?:[/\\]|$)/.test(specifier) || existsSync(resolve(specifier))

/** What a program has that its extensions are written with. */
const shared = /^(?:effect|@effect\/[\w-]+|@ephor\/[\w-]+)(?:\/|$)/

const isMissing = (error: unknown) =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND")

/** Marks what is looked for from the working directory, as a person who types a name expects. */
const fromHere = "ephor-extension:"

const programs = new Set<string>()

/** Has modules resolved as extensions of a program need it; for good, since an extension may import at any time. */
const prepare = (program: string) => {
  if (programs.has(program)) return
  programs.add(program)
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier.startsWith(fromHere)) {
        const parentURL = pathToFileURL(join(process.cwd(), "extension.js")).href
        return next(specifier.slice(fromHere.length), { ...context, parentURL })
      }
      try {
        return next(specifier, context)
      } catch (error) {
        if (!isMissing(error) || !shared.test(specifier)) throw error
        try {
          return next(specifier, { ...context, parentURL: program })
        } catch {
          throw error
        }
      }
    }
  })
}

/**
 * The default export of a module: `./file.ts`, `/path/file.js` or a package that is installed where we are. `program` is the
 * URL of a module of the program, whose packages it may use.
 */
export const load = Effect.fn("NodeExtension.load")(function* (specifier: string, program: string) {
  prepare(program)
  const named = isPath(specifier) ? pathToFileURL(resolve(specifier)).href : `${fromHere}${specifier}`
  const module = yield* Effect.tryPromise({
    try: (): Promise<{ readonly default?: unknown }> => import(named),
    catch: (cause) =>
      new ExtensionError({
        message: `the extension ${specifier} cannot be loaded: ${textOf(cause)}${isMissing(cause) ? "; correct --extend, or install what it needs" : ""}`
      })
  })
  return module.default
})

/** The one of several extensions that brings a part; two are one too many. */
const only = <A>(
  part: string,
  found: ReadonlyArray<readonly [specifier: string, value: A | undefined]>
): Effect.Effect<A | undefined, ExtensionError> => {
  const given = found.filter(([, value]) => value !== undefined)
  return given.length < 2
    ? Effect.succeed(given[0]?.[1])
    : Effect.fail(
        new ExtensionError({
          message: `the extensions ${given.map(([specifier]) => specifier).join(" and ")} both bring ${part}: leave out one of them`
        })
      )
}

/** Several extensions as one: each by itself, all layers together, and the one of them that brings a part. */
export const loadAll = Effect.fnUntraced(function* <
  R,
  Extension extends { readonly layer: Layer.Layer<never, ExtensionError, R> },
  E,
  RX
>(specifiers: ReadonlyArray<string>, loadOne: (specifier: string) => Effect.Effect<Extension, E, RX>) {
  const all = yield* Effect.forEach(specifiers, loadOne)
  const layer = all.reduce<Extension["layer"]>((merged, one) => Layer.merge(merged, one.layer), Layer.empty)
  const partOf = <A>(part: string, of: (extension: Extension) => A | undefined) =>
    only(
      part,
      all.map((extension, at) => [specifiers[at]!, of(extension)])
    )
  return { all, layer, partOf }
})

/** A layer of an extension, whose failures and defects are told as its own. */
export const guard =
  (specifier: string) =>
  <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, ExtensionError, R> =>
    Layer.catchCause(layer, (cause) =>
      Layer.effectContext(
        Cause.hasInterruptsOnly(cause)
          ? Effect.interrupt
          : new ExtensionError({
              message: `the extension ${specifier} failed: ${textOf(Cause.squash(cause))}`
            })
      )
    )
