/** Two relays of one history: one serves it from memory, the other from its archive. */
import { Store } from "@ephor/store"
import { noCommitDigest } from "@ephor/types"
import { Effect, Exit, Layer, References, Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Archive, BlockSource, FrameCache, Messages, Publisher, Relay } from "../../src/index.ts"
import * as NodeArchive from "../../src/NodeArchive.ts"
import * as NodeBlockVerifier from "../../src/NodeBlockVerifier.ts"
import { certifiedHistoryOf, committee } from "./history.ts"
import { type Running, serve } from "./publishers.ts"

/** Commits that the relay with the archive has beside it. */
const keptCommits = 100

/** Puts a history into an archive, in segments of the usual size. */
const fill = Effect.fnUntraced(function* (
  archive: Archive.Service,
  history: ReturnType<typeof certifiedHistoryOf>
) {
  const { segmentCommits } = archive.limits
  let digest = noCommitDigest
  for (let index = 0; index < history.length; index += segmentCommits) {
    const part = history.slice(index, index + segmentCommits)
    const lastDigest = part.at(-1)!.digest
    const commits = part.map(({ commit }) => Messages.encodeCommit(commit))
    yield* archive.append({ after: { index, digest }, commits, lastDigest })
    digest = lastDigest
  }
})

/** Where both are, and how many bytes the commits have that both serve. */
export interface Relays {
  readonly ports: { readonly memory: number; readonly archive: number }
  readonly bytes: number
}

/** Has two relays follow a history to its end, and serves both. */
export const openRelays = async (commits: number): Promise<Running & Relays> => {
  const certified = certifiedHistoryOf(commits)
  const history = certified.map(({ commit }) => commit)
  const directory = mkdtempSync(join(tmpdir(), "ephor-bench-"))
  const scope = await Effect.runPromise(Scope.make())
  const relay = (options: Partial<Relay.Options>) =>
    Effect.gen(function* () {
      const memory = yield* BlockSource.makeMemory({ committeeSize: committee.authorities.length })
      yield* memory.commit(history)
      const api = yield* Effect.provideService(Publisher.makeApi(), BlockSource.BlockSource, memory.source)
      const peer = { name: "origin", connect: Effect.succeed(api) }
      const made = yield* Relay.make({ identity: "bench", peers: [peer], ...options })
      // The newest ones wait for votes that nobody casts any more.
      while ((yield* made.subscriber.position).index < commits - 2) yield* Effect.sleep(50)
      return made.source
    }).pipe(
      Effect.provide(Layer.mergeAll(NodeBlockVerifier.layerMysticeti({ committee }), Store.layerMemory)),
      Scope.provide(scope),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  const everything = Number.MAX_SAFE_INTEGER
  const sources = await Effect.runPromise(
    Effect.gen(function* () {
      const memory = yield* relay({
        maxCommits: everything,
        maxCommitBytes: everything,
        maxHistoryBytes: everything
      })
      const archive = yield* NodeArchive.make({ directory, committee })
      yield* fill(archive, certified.slice(0, commits - keptCommits))
      return { memory, archive: yield* relay({ archive, maxCommits: 10 }) }
    })
  )
  const serving = (source: BlockSource.Service) =>
    serve(Layer.provide(Publisher.layer(), Layer.succeed(BlockSource.BlockSource, source)))
  const [memory, archive] = [await serving(sources.memory), await serving(sources.archive)]
  const served = history.slice(0, commits - keptCommits)
  return {
    port: memory.port,
    ports: { memory: memory.port, archive: archive.port },
    bytes: served.reduce((sum, commit) => sum + FrameCache.commitField(commit).length, 0),
    publish: () => {},
    close: async () => {
      await memory.close()
      await archive.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
