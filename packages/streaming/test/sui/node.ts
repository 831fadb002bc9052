/** A node that serves Sui's wire and shares no code with us: grpc-js over blocks that it has been given. */
import * as grpc from "@grpc/grpc-js"
import { blake2b } from "./blake2b.ts"
import { type Block, type Commit, readBlock, readRef, writeCommit } from "./bcs.ts"
import { definition } from "./observer.ts"

type Stream = grpc.ServerWritableStream<any, any>

/** How a node may deviate from what it should do. */
export interface Lies {
  /** Spoils a message of the commit stream. */
  readonly commits?: (message: any) => any
  /** Spoils a block. */
  readonly block?: (bytes: Buffer) => Buffer
}

/** Commits of a window. */
const windowCommits = 10

/** Blocks and commits, and those who wait for more. */
export class SuiNode {
  readonly #quorum: number
  readonly #blocks: Array<{ readonly block: Block; readonly bytes: Buffer }> = []
  readonly #commits: Array<{
    readonly commit: Commit
    readonly bytes: Buffer
    readonly digest: string
    readonly blocks: ReadonlyArray<Buffer>
  }> = []
  #hidden: ReadonlySet<string> = new Set()
  readonly #live = new Set<(bytes: Buffer) => void>()
  readonly #lies: Lies
  readonly server = new grpc.Server()
  /** Names of the methods that were called. */
  readonly called: Array<string> = []
  /** Blocks at or below this round are not told any more by the block stream. */
  gcRound = 0

  constructor(quorum: number, lies: Lies = {}) {
    this.#quorum = quorum
    this.#lies = lies
    this.server.addService(definition.service, {
      StreamBlocks: (call: Stream) => this.#streamBlocks(call),
      FetchBlocks: (call: Stream) => this.#fetchBlocks(call),
      FetchCommits: (call: grpc.ServerUnaryCall<any, any>, done: grpc.sendUnaryData<any>) =>
        done(null, this.#windowOf(call.request.start, call.request.end)),
      StreamCommits: (call: Stream) => this.#streamCommits(call)
    })
  }

  /** The port, once it listens. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error)
      )
    )
  }

  accept(signed: ReadonlyArray<Uint8Array>): void {
    for (const one of signed) {
      const bytes = this.#lies.block?.(Buffer.from(one)) ?? Buffer.from(one)
      this.#blocks.push({ block: readBlock(one), bytes })
      if (this.#hidden.has(this.#blocks.at(-1)!.block.ref.digest)) continue
      for (const tell of this.#live) tell(bytes)
    }
  }

  /** Blocks that are held, and told to nobody who does not ask for them by name. */
  hide(digests: ReadonlySet<string>): void {
    this.#hidden = digests
  }

  commit(blocks: ReadonlyArray<Uint8Array>, leaderDigest: string, timestampMs: number): void {
    const refs = blocks.map((bytes) => readBlock(bytes).ref)
    const commit: Commit = {
      index: this.#commits.length + 1,
      previous: this.#commits.at(-1)?.digest ?? "00".repeat(32),
      timestampMs: BigInt(timestampMs),
      leader: refs.find(({ digest }) => digest === leaderDigest)!,
      blocks: refs
    }
    const bytes = writeCommit(commit)
    const digest = blake2b(bytes).toString("hex")
    this.#commits.push({ commit, bytes, digest, blocks: blocks.map((one) => Buffer.from(one)) })
  }

  #streamBlocks(call: Stream): void {
    this.called.push("StreamBlocks")
    const rounds: ReadonlyArray<number> = call.request.highest_round_per_authority
    const tell = (bytes: Buffer) => call.write({ blocks: [bytes] })
    this.#live.add(tell)
    call.on("cancelled", () => this.#live.delete(tell))
    for (const { block, bytes } of this.#blocks)
      if (block.ref.round > Math.max(rounds[block.ref.author]!, this.gcRound)) tell(bytes)
  }

  #fetchBlocks(call: Stream): void {
    this.called.push("FetchBlocks")
    const wanted = new Set(call.request.block_refs.map((one: Buffer) => readRef(one).digest))
    for (const { block, bytes } of this.#blocks)
      if (wanted.has(block.ref.digest)) call.write({ blocks: [bytes] })
    call.end()
  }

  #certifiersOf(at: number): ReadonlyArray<Buffer> | undefined {
    const { commit, digest } = this.#commits[at]!
    const voters = new Map(
      this.#blocks
        .filter(({ block }) =>
          block.votes.some((vote) => vote.index === commit.index && vote.digest === digest)
        )
        .map(({ block, bytes }) => [block.ref.author, bytes])
    )
    return voters.size >= this.#quorum ? [...voters.values()] : undefined
  }

  #windowOf(start: number, end: number) {
    for (let last = Math.min(end, this.#commits.length); last >= start; last--) {
      const certifiers = this.#certifiersOf(last - 1)
      if (certifiers === undefined) continue
      return {
        all: this.#commits.slice(start - 1, last),
        commits: this.#commits.slice(start - 1, last).map(({ bytes }) => bytes),
        certifier_blocks: certifiers
      }
    }
    return { all: [], commits: [], certifier_blocks: [] }
  }

  #streamCommits(call: Stream): void {
    this.called.push("StreamCommits")
    for (let start: number = call.request.start; ;) {
      const { all, certifier_blocks } = this.#windowOf(start, start + windowCommits - 1)
      if (all.length === 0) break
      for (const [at, { blocks, bytes }] of all.entries()) {
        const message = {
          commits: [bytes],
          block_counts: [blocks.length],
          blocks,
          certifier_blocks: at === all.length - 1 ? certifier_blocks : []
        }
        call.write(this.#lies.commits?.(message) ?? message)
      }
      start += all.length
    }
    call.end()
  }
}
