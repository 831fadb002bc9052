/** Who provides something for an author: whoever has registered last, until its scope closes. */
import type { AuthorityIndex } from "@ephor/types"
import { Effect, type Scope } from "effect"

/** Providers by author, and how one is registered. */
export const makeRegistry = <Provider>() => {
  const providers = new Map<AuthorityIndex, Provider>()
  const register = (author: AuthorityIndex, provider: Provider): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        providers.set(author, provider)
      }),
      () =>
        Effect.sync(() => {
          if (providers.get(author) === provider) providers.delete(author)
        })
    )
  return { providers, register }
}
