/** What is sent, the same bytes by every kind of publisher. */
import { FrameCache, type Messages } from "../../src/index.ts"

/** Who publishes: this package, raw TCP, a bare `node:http2` with one shared frame, or grpc-js with identity serialisers. */
export type Kind = "ours" | "tcp" | "http2" | "grpc"

/** So many responses of so many blocks. */
export interface Load {
  readonly responses: number
  readonly blocks: number
}

/** Bytes of a block. */
export const blockBytes = 1024

/** The response that a load repeats: one object, as for subscribers at the same place. */
export const responseOf = ({ blocks }: Load): Messages.BlockStreamResponse => ({
  blocks: Array.from({ length: blocks }, (_, i) => new Uint8Array(blockBytes).fill(i + 1)),
  highestCommitIndex: 7
})

/** Its frame, with the prefix of gRPC. */
export const frameOf = (load: Load): Buffer => Buffer.from(FrameCache.blockFrame(responseOf(load)))

/** The path that all kinds with paths serve. */
export const path = "/BlockStreamService/StreamBlocks"

/** Windows of all clients; one that never reads is stuck after a few blocks. */
export const windows = { stream: 4 * 1024 * 1024, connection: 16 * 1024 * 1024, stuck: 16 * 1024 }

/** Microseconds of a clock that all processes of this machine share. */
export const nowMicros = (): number => Number(process.hrtime.bigint() / 1000n)

/** A block that tells when it was published. */
export const stamped = (): Uint8Array => {
  const bytes = new Uint8Array(blockBytes)
  new DataView(bytes.buffer).setFloat64(0, nowMicros())
  return bytes
}

/** Microseconds since a block was published. */
export const ageOf = (block: Uint8Array): number =>
  nowMicros() - new DataView(block.buffer, block.byteOffset).getFloat64(0)
