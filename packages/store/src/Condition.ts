/** What a store says of the ground that it stands on, for those who decide whether a program is ready. */
import { Context, type Effect } from "effect"

/** Shape of the condition of a store. */
export interface Service {
  /** Why a person should look at the store: little room, records that cannot be read. Empty when all is well. */
  readonly problems: Effect.Effect<ReadonlyArray<string>>
}

/** The condition of the program's store; a store in memory has none. */
export class Condition extends Context.Service<Condition, Service>()("@ephor/store/Condition") {}
