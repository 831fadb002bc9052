/** What is sent: blocks that are all different, the same ones by every kind of publisher. */
import { FrameCache } from "../../src/index.ts"

/** Who publishes: this package, raw TCP, a bare `node:http2` with one shared frame, or grpc-js with identity serialisers. */
export type Kind = "ours" | "tcp" | "http2" | "grpc"

/** So many responses of so many blocks. */
export interface Load {
  readonly responses: number
  readonly blocks: number
}

/** Bytes of a block. */
export const blockBytes = 1024

/** A block like no other. */
const blockOf = (number: number): Uint8Array => {
  const bytes = new Uint8Array(blockBytes).fill(number & 0xff)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

/** The blocks of a load. */
export const blocksOf = ({ blocks, responses }: Load): ReadonlyArray<Uint8Array> =>
  Array.from({ length: responses * blocks }, (_, number) => blockOf(number))

/** Their frames with the prefix of gRPC, ready to be written: what those send that encode nothing. */
export const framesOf = (load: Load): ReadonlyArray<Buffer> =>
  Array.from({ length: load.responses }, (_, response) =>
    Buffer.from(
      FrameCache.blockFrame({
        blocks: Array.from({ length: load.blocks }, (_, i) => blockOf(response * load.blocks + i)),
        highestCommitIndex: 7
      })
    )
  )

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
