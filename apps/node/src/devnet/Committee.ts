/**
 * Who validates on a chain of a devnet, and the processes of the validators where they are processes.
 */
import type { BlockRef, ChainId } from "@ephor/types"
import { Effect, Equal, FileSystem, type Queue } from "effect"
import { join } from "node:path"
import * as ChainSpec from "../ChainSpec.ts"
import { authorKeyFile, readOrMakeAuthorKey } from "../committee/AuthorKey.ts"
import type { Options } from "./Options.ts"
import * as Children from "./NodeChildren.ts"
import { DevnetError, freePort, host, multiaddr, nodeCommand } from "./NodeCommands.ts"

/** The data directory of a validator; that of the first is the node that makes the chain. */
const directoryOf = ({ dataDir }: Pick<Options, "dataDir">, chainId: ChainId, index: number) =>
  join(dataDir, index === 0 ? `node-${chainId}` : `validator-${chainId}-${index}`)

/** The files with the keys of all authors: each validator has its own in its data directory. */
export const authorKeysOf = (options: Pick<Options, "dataDir">, { authors, chainId }: ChainSpec.ChainSpec) =>
  (authors ?? []).map((_, index) => join(directoryOf(options, chainId, index), authorKeyFile))

const makeAuthorKey = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.orDie(fs.makeDirectory(directory, { recursive: true }))
  const { publicKey } = yield* readOrMakeAuthorKey(join(directory, authorKeyFile))
  return publicKey
})

/** The specification of a chain, made once; one that is there has to fit. */
export const specOf = Effect.fnUntraced(function* (
  path: string,
  options: Pick<Options, "dataDir" | "committee" | "sessionBlocks">,
  chainId: ChainId,
  genesisTime: number,
  l1Genesis: BlockRef
) {
  const fs = yield* FileSystem.FileSystem
  const expected = ChainSpec.committee(options.committee)
  if (yield* Effect.orElseSucceed(fs.exists(path), () => false)) {
    const known = yield* ChainSpec.read(path)
    if (Equal.equals(known.validators, expected.validators) && Equal.equals(known.groups, expected.groups))
      return
    return yield* new DevnetError({
      message: `the chains in ${path} have ${known.validators.length} validators, ${known.faultyValidators.length} of them malicious: give --validators ${known.validators.length} --malicious ${known.faultyValidators.length}, or another --data-dir`
    })
  }
  const authors = yield* Effect.forEach(expected.validators, (_, index) =>
    makeAuthorKey(directoryOf(options, chainId, index))
  )
  const { committeeSeed: _, ...spec } = ChainSpec.development({
    chainId,
    genesisTime,
    l1Genesis,
    sessionLengthBlocks: options.sessionBlocks,
    ...expected,
    authors
  })
  yield* ChainSpec.write(path, spec)
})

/** A validator with a process of its own. */
export interface Validator {
  readonly child: Children.Child
  /** Where it publishes blocks and commits. */
  readonly streamUrl: string
  readonly adminUrl: string
}

/** The validators beside the first, which makes the chain: each dials those before it. */
export const startValidators = Effect.fnUntraced(function* (
  options: Options,
  notices: Queue.Enqueue<Children.Notice>,
  specFile: string,
  spec: ChainSpec.ChainSpec,
  sequencerPort: number
) {
  const ports = [sequencerPort]
  const authorKeys = authorKeysOf(options, spec)
  const validators: Array<Validator> = []
  for (const [index, key] of spec.validators.entries()) {
    if (index === 0) continue
    const [port, streamPort, adminPort] = yield* Effect.all([freePort, freePort, freePort])
    const name = `validator-${spec.chainId}-${index}`
    const child = yield* Children.keep(
      {
        name: `validator ${index} of ${spec.chainId}`,
        ...nodeCommand({
          "validator-key": key,
          ...(authorKeys[index] === undefined ? {} : { "author-key": authorKeys[index] }),
          listen: multiaddr(port),
          peer: ports.map(multiaddr).join(","),
          "chain-spec": specFile,
          "data-dir": directoryOf(options, spec.chainId, index),
          "history-blocks": options.historyBlocks,
          "stream-port": streamPort,
          "admin-port": adminPort
        }),
        logFile: join(options.dataDir, `${name}.log`),
        restartDelayMs: 1000
      },
      notices
    )
    validators.push({
      child,
      streamUrl: `http://${host}:${streamPort}`,
      adminUrl: `http://${host}:${adminPort}`
    })
    ports.push(port)
  }
  return validators
})
