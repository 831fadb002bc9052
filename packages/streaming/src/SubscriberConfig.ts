/**
 * Thresholds and limits of a subscriber (observer-streaming, "Thresholds"). An illegal combination cannot be
 * constructed: `make` refuses it with a reason.
 */
import { Config, Effect, Schema } from "effect"
import { CommitIndex, Hash } from "@ephor/types"
import { Misconfigured, ObserverError } from "./ObserverError.ts"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))
const Positive = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0xffff_ffff }))

/** The last commit that the application has processed; its digest links the next one to it. */
export const Position = Schema.Struct({ index: CommitIndex, digest: Schema.optionalKey(Hash) })
export interface Position extends Schema.Schema.Type<typeof Position> {}

/** All fields, checked against one another. Lags are in commits, times in milliseconds. */
export const SubscriberConfig = Schema.Struct({
  /**
   * Where to go on. Default: before the first commit. Without a digest the digest is learned from a quorum of votes,
   * which delays the first commit a little.
   */
  from: Position,
  /** Commit sync starts at this lag. Default 50. */
  startCommitSyncLag: Count,
  /** Blocks resume beside the commits at this lag. Default 10. */
  resumeBlocksLag: Count,
  /** Commit sync stops at this lag. Default 0. */
  stopCommitSyncLag: Count,
  /** The block stream is stopped at this many blocks waiting for the application. Default 500. */
  pauseBlocksQueueSize: Count,
  /** ... and started again at this many. Default 50. */
  resumeBlocksQueueSize: Count,
  /** Commits held, certified or not, that the application has not taken; beyond it reading stops. Default 3200. */
  maxCommitsAhead: Positive,
  /**
   * Votes of one author for commits beyond those, which it may be long before we come to: the highest ones are kept, as
   * they stand for the others. Default 100: as many as a block may carry.
   */
  maxVotesAhead: Positive,
  /** Bytes of blocks in those commits; beyond it reading stops. Default 64 MiB. */
  maxBytesAhead: Positive,
  /**
   * Commits held without certificate, with at most `maxBytesAhead` bytes; a publisher that exceeds it is left, because
   * votes follow an honest commit within a few. Default 500.
   */
  maxUncertifiedCommits: Positive,
  /** Blocks that wait for an ancestor; beyond it the highest rounds are dropped. Default 1000. */
  maxSuspendedBlocks: Positive,
  /** Blocks of one author for one round that are taken without a commit; further ones count as rejected. Default 8. */
  maxBlocksPerSlot: Positive,
  /** Reports of equivocations that the application has not taken; the oldest go first. Default 1000. */
  maxEquivocations: Positive,
  /** Signatures of randomness that the application has not taken; the oldest go first. Default 1000. */
  maxAuxiliary: Positive,
  /** Bytes of such a signature; larger ones count as bad blocks. Default 1024. */
  maxAuxiliaryBytes: Positive,
  /** Rounds below the last leader that still matter: the committee's garbage collection depth. Default 60. */
  gcDepth: Positive,
  /** How often modes are evaluated, beside every response. Default 250. */
  evaluateIntervalMs: Positive,
  /** Without a commit for this long, overlap ends at lag zero even if none was derived. Default 3000. */
  handOverMs: Positive,
  /** Pauses are probed after this long, because a publisher that sends nothing tells no lag. Default 5000. */
  maxPauseMs: Positive,
  /**
   * Silence after which a publisher that has shown heartbeats counts as dead: three of them. One that knows none may be
   * quiet; whether it lives, the transport's PING tells. Default 3000.
   */
  silenceMs: Positive,
  /**
   * A lag that does not shrink for this long ends the session; so does, where there are others, a publisher that says
   * nothing for so long. Default 30 000.
   */
  progressMs: Positive,
  /** An ancestor missing for this long is asked for again. Default 1000. */
  repairMs: Positive,
  /** An observer that cannot derive commits for this long enters commit sync, whatever the lag. Default 5000. */
  stallMs: Positive,
  /**
   * Publishers whose block streams are taken at once: the first to bring a block counts. One of them is followed, the
   * others only bring blocks. Default 1.
   */
  blockPublishers: Positive,
  /** Bad blocks tolerated per minute before the publisher is left. Default 10. */
  maxBadBlocksPerMinute: Count,
  /** Attempts without waiting after a lost session. Default 3. */
  immediateRetries: Count,
  /** First delay after those. Default 100. */
  backoffMs: Positive,
  /** Longest delay. Default 10 000. */
  maxBackoffMs: Positive,
  /**
   * Every publisher must refuse us for this long, again and again on fresh streams, before we give up: what stands before
   * it may answer anything for a while. Default 300 000.
   */
  giveUpMs: Positive,
  /** Sessions in a row without one new commit or block, over all publishers, before giving up; 0 means never. Default 0. */
  maxFruitlessSessions: Count
})
export interface SubscriberConfig extends Schema.Schema.Type<typeof SubscriberConfig> {}

/** Documented defaults: the seed's example thresholds. */
export const defaults: SubscriberConfig = {
  from: { index: 0 },
  startCommitSyncLag: 50,
  resumeBlocksLag: 10,
  stopCommitSyncLag: 0,
  pauseBlocksQueueSize: 500,
  resumeBlocksQueueSize: 50,
  maxCommitsAhead: 3200,
  maxVotesAhead: 100,
  maxBytesAhead: 64 * 1024 * 1024,
  maxUncertifiedCommits: 500,
  maxSuspendedBlocks: 1000,
  maxBlocksPerSlot: 8,
  maxEquivocations: 1000,
  maxAuxiliary: 1000,
  maxAuxiliaryBytes: 1024,
  gcDepth: 60,
  evaluateIntervalMs: 250,
  handOverMs: 3000,
  maxPauseMs: 5000,
  silenceMs: 3000,
  progressMs: 30_000,
  repairMs: 1000,
  stallMs: 5000,
  blockPublishers: 1,
  maxBadBlocksPerMinute: 10,
  immediateRetries: 3,
  backoffMs: 100,
  maxBackoffMs: 10_000,
  giveUpMs: 300_000,
  maxFruitlessSessions: 0
}

/** What a user gives: everything has a default. */
export type Options = Partial<SubscriberConfig>

/** The first rule that a configuration breaks, or nothing. */
export const violation = (config: SubscriberConfig): string | undefined => {
  const {
    pauseBlocksQueueSize,
    resumeBlocksLag,
    resumeBlocksQueueSize,
    startCommitSyncLag,
    stopCommitSyncLag
  } = config
  if (stopCommitSyncLag > resumeBlocksLag) {
    return `stopCommitSyncLag ${stopCommitSyncLag} must not be above resumeBlocksLag ${resumeBlocksLag}`
  }
  if (resumeBlocksLag >= startCommitSyncLag) {
    return `resumeBlocksLag ${resumeBlocksLag} must be below startCommitSyncLag ${startCommitSyncLag}`
  }
  if (resumeBlocksQueueSize >= pauseBlocksQueueSize) {
    return `resumeBlocksQueueSize ${resumeBlocksQueueSize} must be below pauseBlocksQueueSize ${pauseBlocksQueueSize}`
  }
  if (config.backoffMs > config.maxBackoffMs) {
    return `backoffMs ${config.backoffMs} must not be above maxBackoffMs ${config.maxBackoffMs}`
  }
  return undefined
}

const decode = Schema.decodeUnknownEffect(SubscriberConfig)

/** Fills in the defaults and checks every rule; fails with `Misconfigured`. */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const fail = (why: string) => new ObserverError({ where: "Subscriber", reason: new Misconfigured({ why }) })
  const config = yield* Effect.mapError(decode({ ...defaults, ...options }), (error) => fail(error.message))
  const why = violation(config)
  if (why !== undefined) return yield* fail(why)
  return config
})

const integer = (name: string, fallback: number) => Config.Int(name).pipe(Config.withDefault(fallback))

/** The seed's five thresholds from the environment (`START_COMMIT_SYNC_LAG`, ...); the rest keeps its default. */
export const config: Config.Config<Options> = Config.all({
  startCommitSyncLag: integer("START_COMMIT_SYNC_LAG", defaults.startCommitSyncLag),
  resumeBlocksLag: integer("RESUME_BLOCKS_LAG", defaults.resumeBlocksLag),
  stopCommitSyncLag: integer("STOP_COMMIT_SYNC_LAG", defaults.stopCommitSyncLag),
  pauseBlocksQueueSize: integer("PAUSE_BLOCKS_QUEUE_SIZE", defaults.pauseBlocksQueueSize),
  resumeBlocksQueueSize: integer("RESUME_BLOCKS_QUEUE_SIZE", defaults.resumeBlocksQueueSize)
})
