/**
 * What every network must do, as a suite: run it against your own transport.
 */
import { it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { notifications } from "./rows/Notifications.ts"
import { requests } from "./rows/Requests.ts"
import { sessions } from "./rows/Sessions.ts"
import { shares } from "./rows/Shares.ts"
import type { Test, Trio } from "./rows/Trio.ts"

export type { Trio } from "./rows/Trio.ts"

/** Declares the suite. `trio` starts the peers, and stops them when its scope closes. */
export const suite = <E>(name: string, trio: Effect.Effect<Trio, E, Scope.Scope>): void => {
  const test: Test = (what, body) => it.live(what, () => Effect.scoped(Effect.flatMap(trio, body)))
  sessions(name, test)
  notifications(name, test)
  requests(name, test)
  shares(name, test)
}
