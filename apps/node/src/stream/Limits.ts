/**
 * Every limit of the door for observers, as a setting: of its server (connections, calls, floods, keepalive) and of the
 * publisher behind it (batches, rings, heartbeats). The defaults are the packages' own.
 */
import { Settings } from "@ephor/cli"
import { Publisher } from "@ephor/streaming"
import * as NodeGrpcServer from "@ephor/streaming/NodeGrpcServer"

/** What the limits of the server bound. */
export const serverLimits = {
  maxRequestBytes: "Bytes of a request, compressed or not",
  maxHeaderBytes: "Bytes of the headers of a call",
  maxHeaderPairs: "Headers of a call",
  writeStallMs: "Milliseconds after which an observer that takes nothing is cut off",
  writeBufferBytes: "Bytes that may wait in a call, beside the responses being written",
  minCompressBytes: "Responses below this size are never compressed",
  maxSessions: "Connections",
  maxSessionsPerAddress: "Connections from one address",
  maxStreamsPerSession: "Calls open on one connection; further ones wait at the observer",
  maxCallsPerIdentity: "Calls open with one key or token",
  maxSubscriberLabels: "Observers that metrics tell apart by key, token or address; all others are one",
  handshakeMs: "Milliseconds for a new connection to speak HTTP/2",
  idleMs: "Milliseconds after which a connection without a call is closed",
  tokenCheckMs: "Milliseconds to decide about a token",
  callsPerSecond: "Calls that a connection may begin per second",
  callBurst: "Calls that a connection may begin at once",
  resetsPerSecond: "Calls that a connection may cancel per second",
  resetBurst: "Calls that a connection may cancel at once",
  controlFramesPerSecond: "PING and SETTINGS per second of a connection that is sent nothing",
  controlFrameBurst: "PING and SETTINGS at once of such a connection",
  maxInvalidFrames: "Frames that break HTTP/2's rules before a connection is cut",
  sessionMemoryMegabytes: "Memory of HTTP/2 for one connection",
  keepaliveIntervalMs: "Milliseconds between PINGs on every connection",
  keepaliveTimeoutMs: "Milliseconds that an observer may take to answer a PING",
  healthIntervalMs: "Milliseconds between looks at the health that is watched over gRPC",
  drainMs: "Milliseconds for calls to end on shutdown"
} as const

/** What the limits of the publisher bound. */
export const publisherLimits = {
  softBytes: "Bytes that a response stays below",
  hardBytes: "Bytes of a response that ends the stream",
  heartbeatMs: "Milliseconds after which an idle stream is told the highest commit",
  ringBlocks: "Newest blocks that observers at the tip read from",
  ringAuxiliary: "Newest signatures of randomness that they read from",
  sharedBytes: "Bytes of responses kept for observers at the same place",
  pageBlocks: "Blocks of history read at a time",
  maxStreams: "Streams of both kinds",
  commandsPerSecond: "Commands per second of a stream",
  commandBurst: "Commands at once of a stream",
  maxFetchBlocks: "Blocks asked for by name at once"
} as const

/** What the limits of Sui's wire bound. */
export const suiLimits = {
  suiWindowCommits: "Commits of a window of Sui's wire",
  suiWindowBytes: "Bytes of the blocks in such a window, but for a single commit that has more",
  suiSearchCommits: "Commits behind such a window in which votes for it are looked for",
  suiSharedBytes: "Bytes of such windows kept for observers at the same place",
  suiMaxFetchBlocks: "Blocks asked for by name at once on Sui's wire"
} as const

/** The name of the option that each of them sets. */
const suiOptions = {
  suiWindowCommits: "windowCommits",
  suiWindowBytes: "windowBytes",
  suiSearchCommits: "searchCommits",
  suiSharedBytes: "sharedBytes",
  suiMaxFetchBlocks: "maxFetchBlocks"
} as const

const suiDefaults = {
  suiWindowCommits: Publisher.suiDefaults.windowCommits,
  suiWindowBytes: Publisher.suiDefaults.windowBytes,
  suiSearchCommits: Publisher.suiDefaults.searchCommits,
  suiSharedBytes: Publisher.suiDefaults.sharedBytes,
  suiMaxFetchBlocks: Publisher.suiDefaults.maxFetchBlocks
}

type Names<Table> = {
  readonly [N in keyof Table & string as `stream${Capitalize<N>}`]: Settings.Setting<number>
}

const settingName = (name: string): string => `stream${name[0]!.toUpperCase()}${name.slice(1)}`
const flagOf = (name: string): string =>
  `stream-${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const settingsOf = <Table extends { readonly [name: string]: string }>(
  table: Table,
  defaults: { readonly [N in keyof Table]: number }
): Names<Table> =>
  Object.fromEntries(
    Object.entries(table).map(([name, description]) => [
      settingName(name),
      Settings.integer(flagOf(name), { description, default: defaults[name]!, minimum: 1 })
    ])
  ) as Names<Table>

/** The settings, by their names in a configuration file: `streamMaxSessions` for `maxSessions`. */
export const settings = {
  ...settingsOf(serverLimits, NodeGrpcServer.defaults),
  ...settingsOf(publisherLimits, Publisher.defaults),
  ...settingsOf(suiLimits, suiDefaults)
}

/** What was chosen. */
export type Chosen = Settings.Resolved<typeof settings>

const optionsOf = <Name extends string>(table: { readonly [N in Name]: string }, chosen: Chosen) =>
  Object.fromEntries(Object.keys(table).map((name) => [name, chosen[settingName(name) as keyof Chosen]])) as {
    readonly [N in Name]: number
  }

/** Limits of the server, as they were chosen. */
export const ofServer = (chosen: Chosen) => optionsOf(serverLimits, chosen)

/** Limits of the publisher, as they were chosen. */
export const ofPublisher = (chosen: Chosen) => optionsOf(publisherLimits, chosen)

/** Limits of Sui's wire, as they were chosen. */
export const ofSui = (chosen: Chosen): Omit<Publisher.SuiOptions, "committee"> => {
  const options = optionsOf(suiLimits, chosen)
  return Object.fromEntries(
    Object.entries(suiOptions).map(([name, option]) => [option, options[name as keyof typeof options]])
  ) as { readonly [N in (typeof suiOptions)[keyof typeof suiOptions]]: number }
}
