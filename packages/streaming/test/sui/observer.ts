/** An observer of Sui's wire that shares no code with us: grpc-js, and checks written down from the fact sheet. */
import * as grpc from "@grpc/grpc-js"
import * as loader from "@grpc/proto-loader"
import { createPublicKey, verify } from "node:crypto"
import { fileURLToPath } from "node:url"
import { blake2b } from "./blake2b.ts"
import { type Block, type Commit, readBlock, readCommit } from "./bcs.ts"

/** The service as grpc-js sees it. */
export const definition = (
  grpc.loadPackageDefinition(
    loader.loadSync(fileURLToPath(new URL("observer_service.proto", import.meta.url)), {
      defaults: true,
      keepCase: true
    })
  ) as any
).consensus.ObserverService as grpc.ServiceClientConstructor

/** A member of the committee. */
export interface Authority {
  readonly stake: number
  readonly publicKey: string
}

const prefix = Buffer.from("302a300506032b6570032100", "hex")
const keyOf = ({ publicKey }: Authority) =>
  createPublicKey({
    key: Buffer.concat([prefix, Buffer.from(publicKey, "hex")]),
    format: "der",
    type: "spki"
  })

/** Reads what a call answers until it ends, or there is enough. */
export const read = <A>(
  call: grpc.ClientReadableStream<A>,
  isEnough: (all: ReadonlyArray<A>) => boolean = () => false
): Promise<{ readonly messages: ReadonlyArray<A>; readonly error?: grpc.ServiceError }> =>
  new Promise((resolve) => {
    const messages: Array<A> = []
    call.on("data", (message: A) => {
      messages.push(message)
      if (!isEnough(messages)) return
      resolve({ messages })
      call.cancel()
    })
    call.on("error", (error: grpc.ServiceError) => resolve({ messages, error }))
    call.on("end", () => resolve({ messages }))
  })

/** Checks commits as they come, window by window. */
export class Checks {
  readonly #committee: ReadonlyArray<Authority>
  readonly #keys: ReadonlyArray<ReturnType<typeof keyOf>>
  #next: number
  #digest: string | undefined
  /** Commits that a quorum has certified. */
  readonly certified: Array<Commit & { readonly digest: string }> = []
  #waiting: Array<Commit & { readonly digest: string }> = []

  constructor(committee: ReadonlyArray<Authority>, next: number, digest?: string) {
    this.#committee = committee
    this.#keys = committee.map(keyOf)
    this.#next = next
    this.#digest = digest
  }

  /** The block, if its author has signed it. */
  block(bytes: Uint8Array): Block {
    const block = readBlock(bytes)
    if (!verify(null, block.signed, this.#keys[block.ref.author]!, block.signature)) throw new Error("forged")
    return block
  }

  commits(message: {
    readonly commits: ReadonlyArray<Buffer>
    readonly block_counts?: ReadonlyArray<number>
    readonly blocks?: ReadonlyArray<Buffer>
    readonly certifier_blocks: ReadonlyArray<Buffer>
  }): void {
    let at = 0
    for (const [i, bytes] of message.commits.entries()) {
      const commit = readCommit(bytes)
      if (commit.index !== this.#next++) throw new Error(`commit ${commit.index} is out of order`)
      if (this.#digest !== undefined && commit.previous !== this.#digest) throw new Error("a broken chain")
      this.#digest = blake2b(bytes).toString("hex")
      this.#waiting.push({ ...commit, digest: this.#digest })
      if (message.blocks === undefined) continue
      const blocks = message.blocks.slice(at, at + message.block_counts![i]!)
      at += blocks.length
      const names = blocks.map((block) => blake2b(block).toString("hex"))
      const wanted = commit.blocks.map(({ digest }) => digest)
      if (names.join() !== wanted.join()) throw new Error(`blocks of commit ${commit.index} are others`)
      if (!wanted.includes(commit.leader.digest)) throw new Error("a leader from elsewhere")
    }
    if (message.blocks !== undefined && at !== message.blocks.length) throw new Error("blocks too many")
    if (message.certifier_blocks.length > 0) this.#certify(message.certifier_blocks)
  }

  #certify(blocks: ReadonlyArray<Buffer>): void {
    const last = this.#waiting.at(-1)!
    const voters = new Set(
      blocks.flatMap((bytes) => {
        const { ref, votes } = this.block(bytes)
        return votes.some(({ digest, index }) => index === last.index && digest === last.digest)
          ? [ref.author]
          : []
      })
    )
    const total = this.#committee.reduce((sum, { stake }) => sum + stake, 0)
    const stake = [...voters].reduce((sum, author) => sum + this.#committee[author]!.stake, 0)
    if (stake < total - Math.floor((total - 1) / 3)) throw new Error(`${stake} stake is no quorum`)
    this.certified.push(...this.#waiting)
    this.#waiting = []
  }
}

/** A client of the service. */
export const clientOf = (address: string): grpc.Client & Record<string, any> =>
  new definition(address, grpc.credentials.createInsecure()) as any
