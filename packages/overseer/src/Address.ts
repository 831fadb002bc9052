/**
 * What is known of a subsystem before it lives: its name, its bounds, and whom it sends to.
 */

/** An address of which only the name and the edges matter. */
export interface AnyAddress {
  readonly key: string
  readonly options: AddressOptions
}

/** Addresses that a subsystem sends to: the classes, or their names where files would import each other in circles. */
export type Edges = ReadonlyArray<AnyAddress | string>

/** What is known of an address besides the type of its messages. */
export interface AddressOptions<out S extends Edges = Edges, out N extends Edges = Edges> {
  /** Messages before senders wait; 2048 where not said. */
  readonly capacity?: number | undefined
  /** Signals before the overseer waits; 64 where not said. */
  readonly signalCapacity?: number | undefined
  /** Whether `sendPriority` has a lane of its own, read before `send`'s; it goes to the same lane where not said. */
  readonly priority?: boolean | undefined
  /** Addresses that this subsystem sends to, waiting while they are full. A function, because they may be declared later. */
  readonly sends?: (() => S) | undefined
  /** Addresses that it only sends to without waiting (`sendNow`): these edges cannot close a cycle of waiting. */
  readonly sendsNow?: (() => N) | undefined
}

/** The names of declared edges. Edges that are annotated as `Edges` say nothing about whom they lead to: any name. */
export type NameOf<Edge> = Edge extends string
  ? Edge
  : Edge extends { readonly key: infer Key extends string }
    ? Key
    : never
