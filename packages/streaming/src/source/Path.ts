/**
 * Identities that blocks come through: how relays see that they would feed themselves. Pure rules. An extension: a
 * publisher that tells no path is taken for an origin.
 */
import type { Stream } from "effect"
import type { Service } from "../ObserverApi.ts"
import type { ObserverError } from "../ObserverError.ts"

/** Identities, the nearest first: a publisher's own, then its source's, and so on to the origin. */
export type Path = ReadonlyArray<string>

/** What a publisher may offer beside the protocol: its path as it is now, then whenever it changes. */
export interface Pathed {
  readonly path?: Stream.Stream<Path, ObserverError>
}

/** Relays between an origin and an observer, at most. */
export const defaultMaxHops = 8

/** Longest identity, in characters. */
export const maxIdentityLength = 64

const identities = /^[A-Za-z0-9._:-]+$/

/** Whether a text can stand in a path: letters, digits, `.`, `_`, `:` and `-`, at most `maxIdentityLength`. */
export const isIdentity = (text: string): boolean => text.length <= maxIdentityLength && identities.test(text)

/** The path that a publisher tells, if it tells any. */
export const pathOf = (api: Service & Pathed): Stream.Stream<Path, ObserverError> | undefined => api.path

/** The path of whoever follows a source: itself, then the source's. A nameless one adds nothing. */
export const extend = (self: string, source: Path): Path =>
  self === "" || source[0] === self ? source : [self, ...source]

/** Why `self` must not follow a source with this path; nothing if it may. */
export const refusal = (self: string, source: Path, maxHops: number): string | undefined => {
  if (source.length > maxHops) return `it is ${source.length} hops from the origin, ${maxHops} are allowed`
  const odd = source.find((one) => !isIdentity(one))
  if (odd !== undefined) return `its path names ${JSON.stringify(odd.slice(0, maxIdentityLength))}`
  return source.includes(self) ? `it follows us: ${[self, ...source].join(" < ")}` : undefined
}
