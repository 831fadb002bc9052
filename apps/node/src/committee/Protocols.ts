/**
 * What the processes of a committee say to each other beside the protocols of validators: where the chain is, what an
 * author's block should carry, and the block that it signs. With the forms of the messages.
 */
import { ChainFeed, RoundProposal } from "@ephor/devchain"
import { PeerText, type Protocol } from "@ephor/network"
import { BlockBounds, BlockRef, InherentData, Json, Scale, type ValidatorId } from "@ephor/types"
import { Result } from "effect"

const KiB = 1024
const MiB = 1024 * KiB

/** Asks the sequencer for the next page of the chain; it may wait for news before it answers. */
export const follow: Protocol.RequestProtocol = {
  _tag: "Request",
  name: "/ephor/follow/1",
  // A node without a validator may follow, too, with what validators leave.
  from: "anyone",
  maxBytes: 8 * KiB,
  // A page ends with the block that fills it, and its bytes travel in hex.
  maxResponseBytes: BlockBounds.maxMessageBytes,
  timeoutMs: ChainFeed.defaults.waitMs + 3000,
  // Followers wait at the server, so there must be room for a whole committee.
  queueCapacity: 128,
  concurrency: 128,
  perPeer: 2,
  perSecond: 20,
  others: { concurrency: 32, queueCapacity: 0, bytesPerSecond: 2 * MiB }
}

/** Asks a validator what its block should carry for parachains; none but the sequencer may. */
export const inherents = (sequencer: ValidatorId): Protocol.RequestProtocol => ({
  _tag: "Request",
  name: "/ephor/inherents/1",
  from: { named: "the sequencer", keys: [sequencer] },
  maxBytes: KiB,
  maxResponseBytes: 10 * MiB,
  timeoutMs: 1000,
  queueCapacity: 4,
  concurrency: 1,
  perPeer: 4,
  perSecond: 100
})

/** Asks the author of another process to sign its block of a round; none but the sequencer may. */
export const authorBlocks = (sequencer: ValidatorId): Protocol.RequestProtocol => ({
  _tag: "Request",
  name: "/ephor/author_block/1",
  from: { named: "the sequencer", keys: [sequencer] },
  maxBytes: RoundProposal.maxBytes,
  maxResponseBytes: BlockBounds.maxBlockBytes,
  timeoutMs: 2000,
  queueCapacity: 4,
  concurrency: 1,
  perPeer: 4,
  perSecond: 100
})

/** How messages become bytes. */
export interface Codec<A> {
  readonly encode: (value: A) => Uint8Array
  readonly decode: (bytes: Uint8Array) => Result.Result<A, Error>
}

const utf8 = new TextEncoder()
const fatalUtf8 = new TextDecoder("utf-8", { fatal: true })

const attempt = <A>(decode: () => A): Result.Result<A, Error> =>
  Result.try({
    try: decode,
    // What does not decode is quoted in the message, and was written by a peer.
    catch: (cause) => new Error(PeerText.clean(cause instanceof Error ? cause.message : String(cause)))
  })

/** Where a follower stands, as JSON. */
export const locator: Codec<ChainFeed.Locator> = {
  encode: (value) => utf8.encode(Json.stringify(ChainFeed.Locator)(value)),
  decode: (bytes) => attempt(() => Json.parse(ChainFeed.Locator)(fatalUtf8.decode(bytes)))
}

/** A page of the chain, as JSON. */
export const page: Codec<ChainFeed.Page> = {
  encode: (value) => utf8.encode(Json.stringify(ChainFeed.Page)(value)),
  decode: (bytes) => attempt(() => Json.parse(ChainFeed.Page)(fatalUtf8.decode(bytes)))
}

/** The parent of the block that an author is asked about, as JSON. */
export const parent: Codec<BlockRef> = {
  encode: (value) => utf8.encode(Json.stringify(BlockRef)(value)),
  decode: (bytes) => attempt(() => Json.parse(BlockRef)(fatalUtf8.decode(bytes)))
}

/** What a block carries, in SCALE as on the chain; no bytes for nothing. */
export const inherentData: Codec<InherentData | null> = {
  encode: (value) => (value === null ? new Uint8Array(0) : Scale.encode(InherentData)(value)),
  decode: (bytes) => (bytes.length === 0 ? Result.succeed(null) : Scale.decodeResult(InherentData)(bytes))
}
