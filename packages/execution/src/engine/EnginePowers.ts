/** What a client with an Engine API can be made to do: have other heads, build the replacement of a block. */
import { type ChainId, decodeReplacementTransaction, fromHex, type Hash } from "@ephor/types"
import { Effect, Option, Result, Schema } from "effect"
import type { HeadRefs, KnownBlock } from "@ephor/chain/Chain"
import { Backend } from "@ephor/chain/ChainError"
import type { Client } from "../NodeEthRpcClient.ts"
import { type Forkchoice, makeEngine } from "./Engine.ts"
import { Header, replacementAttributes } from "./Attributes.ts"
import type { EngineConnection } from "./Token.ts"
import { chainIdOf } from "../following/Blocks.ts"
import { emitsNothing, type Powers } from "../following/Steering.ts"

const decodeHeader = Schema.decodeUnknownOption(Header)

const forkchoiceOf = ({ crossSafe, finalized, localUnsafe }: HeadRefs): Forkchoice => ({
  headBlockHash: localUnsafe.hash,
  safeBlockHash: crossSafe.hash,
  finalizedBlockHash: finalized.hash
})

/** Powers over a client by its Engine API, which must take our token and be of the same chain. */
export const enginePowers = Effect.fnUntraced(function* (
  client: Client,
  { call, url }: EngineConnection,
  chainId: ChainId
) {
  const engine = makeEngine(url, call)
  const engineChain = chainIdOf(yield* engine.call("eth_chainId"))
  if (engineChain !== chainId) {
    return yield* new Backend({
      what: `${url} is the engine of chain ${engineChain}, not of ${chainId}`,
      cause: "engine.url must be the Engine API of the same client as url"
    })
  }

  /** A client outside the OP stack says that all is well, and ignores that it should go back. */
  const checkLatest = Effect.fnUntraced(function* (wanted: Hash, before: Hash | undefined) {
    const after = yield* client.block("latest")
    if (after?.hash === wanted || after?.hash !== before) return
    return yield* new Backend({
      what: `${url} took the head ${wanted}, but ${client.url} stays at ${after?.hash}`,
      cause: "url and engine.url must be of the same client, and it must be one of the OP stack"
    })
  })

  const setHeads: Powers["setHeads"] = Effect.fnUntraced(function* (heads) {
    const before = yield* client.block("latest")
    yield* engine.setForkchoice(forkchoiceOf(heads))
    yield* checkLatest(heads.localUnsafe.hash, before?.hash)
  })

  const attributesInPlaceOf = Effect.fnUntraced(function* ({ output, ref }: KnownBlock) {
    const header = decodeHeader(yield* client.call("eth_getBlockByHash", ref.hash, false))
    const body = yield* engine.body(ref.hash)
    const what = `block ${ref.hash} cannot be replaced`
    if (Option.isNone(header) || body === undefined) {
      return yield* new Backend({ what, cause: "the client does not have it: wait until it has caught up" })
    }
    const attributes = replacementAttributes(header.value, body, output)
    if (Result.isFailure(attributes)) return yield* new Backend({ what, cause: attributes.failure })
    return attributes.success
  })

  const replace: Powers["replace"] = Effect.fnUntraced(function* (invalid, below) {
    const attributes = yield* attributesInPlaceOf(invalid)
    const before = yield* client.block("latest")
    const parent = forkchoiceOf(below)
    const build = Effect.gen(function* () {
      const built = yield* engine.build(parent, attributes)
      yield* engine.insert(built, attributes)
      yield* engine.setForkchoice({ ...parent, headBlockHash: built.hash })
      return built
    })
    // Our chain keeps the invalid block when it cannot be replaced, so the client must, too: the next try needs it.
    const comeBack =
      before === undefined
        ? Effect.void
        : Effect.ignore(engine.setForkchoice({ ...parent, headBlockHash: before.hash }))
    const { hash } = yield* Effect.onError(build, () => comeBack)
    const block = yield* client.block(hash)
    if (block !== undefined) return block
    return yield* new Backend({
      what: `${url} built block ${hash}, but ${client.url} does not have it`,
      cause: "url and engine.url must be of the same client"
    })
  })

  const replacedBy: Powers["replacedBy"] = Effect.fnUntraced(function* ({ hash }) {
    const last = (yield* engine.body(hash))?.transactions.at(-1)
    return last === undefined ? undefined : Result.getOrUndefined(decodeReplacementTransaction(fromHex(last)))
  })

  const powers: Powers = { setHeads, replace, replacedBy, emit: emitsNothing }
  return powers
})
