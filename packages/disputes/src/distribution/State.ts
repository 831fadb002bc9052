/** What the sending and the receiving half of distribution share. */
import type { Keystore } from "@ephor/keystore"
import type { RuntimeApi } from "@ephor/chain"
import type { Network } from "@ephor/network"
import type { DisputeCoordinatorMessage, Mailbox } from "@ephor/overseer"
import type { Hash, SessionIndex } from "@ephor/types"
import { Deferred, Effect } from "effect"
import type { Options } from "../DisputeDistribution.ts"
import type * as Disputes from "../Disputes.ts"

/** Services of one distribution, and the leaf that it works on. */
export interface State {
  readonly options: Options
  readonly network: Network.Service
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly disputes: Disputes.Service
  readonly coordinator: Mailbox.Mailbox<DisputeCoordinatorMessage>
  leaf: Hash | undefined
  /** Done when the next leaf comes. */
  nextLeaf: Deferred.Deferred<void>
}

/** The validators of a session, as far as the chain's state here knows it. */
export const sessionInfo = ({ leaf, runtime }: State, session: SessionIndex) =>
  leaf === undefined ? Effect.succeedNone : Effect.option(runtime.sessionInfo(leaf, session))
