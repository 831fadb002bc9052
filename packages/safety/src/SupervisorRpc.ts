/**
 * The supervisor's public methods as JSON-RPC: parameters, results and errors as Go and Rust clients know them. Free of
 * transports; `NodeSupervisorRpc` puts it on HTTP.
 */
import { Effect } from "effect"
import { BlockId, BlockRef, DerivedIdPair, Json, safetyLevelOf } from "@ephor/types"
import type { Dispatch } from "@ephor/json-rpc/JsonRpcServer"
import type { ExecutingDescriptor } from "./AccessListCheck.ts"
import { BadParameter, blockId, chainId, dispatchOf, method, type Methods, quantity } from "./rpc/Methods.ts"
import { superNodeMethods } from "./rpc/SuperNode.ts"
import type { Service } from "./Supervisor.ts"
import { checkAccessListMethod } from "./SupervisorError.ts"
import type { SuperRoot } from "./SyncStatus.ts"

const toBlockId = Json.encode(BlockId)
const toBlockRef = Json.encode(BlockRef)
const toPair = Json.encode(DerivedIdPair)

/** Quantities in hex; the chain id may be missing, as some clients have none to tell. */
const descriptor = (json: unknown): ExecutingDescriptor => {
  if (!Json.isObject(json)) throw new BadParameter("expected an executing descriptor")
  return {
    timestamp: quantity(json["timestamp"]),
    timeout: json["timeout"] === undefined ? 0 : quantity(json["timeout"]),
    chainId: json["chainID"] === undefined || json["chainID"] === null ? undefined : chainId(json["chainID"])
  }
}

const entries = (json: unknown): ReadonlyArray<string> => {
  const wrong = "expected an array of 32-byte words as 0x text"
  if (json === null) return []
  if (!Array.isArray(json)) throw new BadParameter(wrong)
  return json.map((entry) => {
    if (typeof entry !== "string") throw new BadParameter(wrong)
    return entry
  })
}

const safetyLevel = (json: unknown) => {
  const level = typeof json === "string" ? safetyLevelOf(json) : undefined
  if (level === undefined) throw new BadParameter(`unrecognized safety level: ${JSON.stringify(json)}`)
  return level
}

const superRootJson = ({ chains, crossSafeDerivedFrom, superRoot, timestamp }: SuperRoot) => ({
  crossSafeDerivedFrom: toBlockId(crossSafeDerivedFrom),
  timestamp: `0x${timestamp.toString(16)}`,
  superRoot,
  version: "0x01",
  chains: chains.map(({ canonical, chainId, pending }) => ({ chainID: chainId, canonical, pending }))
})

const methods: Methods = {
  [checkAccessListMethod]: method([entries, safetyLevel, descriptor], (service, [words, level, executing]) =>
    Effect.as(service.checkAccessList(words, level, executing), null)
  ),
  supervisor_crossDerivedToSource: method([chainId, blockId], (service, [chain, derived]) =>
    Effect.map(service.crossDerivedToSource(chain, derived), toBlockRef)
  ),
  supervisor_localUnsafe: method([chainId], (service, [chain]) =>
    Effect.map(service.localUnsafe(chain), toBlockId)
  ),
  supervisor_crossUnsafe: method([chainId], (service, [chain]) =>
    Effect.map(service.crossUnsafe(chain), toBlockId)
  ),
  supervisor_localSafe: method([chainId], (service, [chain]) => Effect.map(service.localSafe(chain), toPair)),
  supervisor_crossSafe: method([chainId], (service, [chain]) => Effect.map(service.crossSafe(chain), toPair)),
  supervisor_finalized: method([chainId], (service, [chain]) =>
    Effect.map(service.finalized(chain), toBlockId)
  ),
  supervisor_finalizedL1: method([], (service) => Effect.map(service.finalizedL1, toBlockRef)),
  supervisor_superRootAtTimestamp: method([quantity], (service, [timestamp]) =>
    Effect.map(service.superRootAtTimestamp(timestamp), superRootJson)
  ),
  supervisor_syncStatus: method([], (service) => service.syncStatus),
  supervisor_allSafeDerivedAt: method([blockId], (service, [source]) =>
    Effect.map(service.allSafeDerivedAt(source), (blocks) =>
      Object.fromEntries(Object.entries(blocks).map(([id, block]) => [id, toBlockId(block)]))
    )
  ),
  supervisor_dependencySetV1: method([], ({ dependencySet }) =>
    Effect.succeed({
      dependencies: Object.fromEntries(Object.keys(dependencySet.dependencies).map((id) => [id, {}])),
      overrideMessageExpiryWindow: dependencySet.overrideMessageExpiryWindow ?? null
    })
  )
}

/** How answers are shaped where consumers of two ages exist. */
export interface Forms {
  /** `superroot_atTimestamp` answers without `data`, as later revisions of op-supernode do. Default: with it. */
  readonly flatSuperRoots?: boolean | undefined
}

const all = ({ flatSuperRoots = false }: Forms): Methods => ({
  ...methods,
  ...superNodeMethods(flatSuperRoots)
})

/** The names of all methods, for documentation and tests. */
export const methodNames: ReadonlyArray<string> = Object.keys(all({}))

/** Carries out calls of a supervisor's public methods. */
export const dispatch = (service: Service, forms: Forms = {}): Dispatch => dispatchOf(all(forms), service)
