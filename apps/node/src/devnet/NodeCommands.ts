/**
 * How the processes of a devnet are called, and where they listen.
 */
import { Schema } from "effect"
import * as FreePort from "./FreePort.ts"

/** A part of the devnet does not start; the message says which and where to look. */
export class DevnetError extends Schema.TaggedError<DevnetError>()("DevnetError", {
  message: Schema.String
}) {}

/** Everything listens here only. */
export const host = "127.0.0.1"

/** A TCP port that nobody else here is given. */
export const freePort = FreePort.freePort(host)

/** Flags of a command line, in the order given. */
export const toFlags = (flags: { readonly [flag: string]: string | number | true }): ReadonlyArray<string> =>
  Object.entries(flags).flatMap(([flag, value]) =>
    value === true ? [`--${flag}`] : [`--${flag}`, String(value)]
  )

/** How this process was started, for starting others the same way: from `dist`, or from sources. */
export const self = () => ({ node: process.execPath, flags: process.execArgv, bin: process.argv[1]! })

/** A node as a child, with these flags. */
export const nodeCommand = (flags: { readonly [flag: string]: string | number | true }) => {
  const { bin, flags: own, node } = self()
  return { command: node, args: [...own, bin, "run", ...toFlags({ ...flags, "log-format": "logfmt" })] }
}

/** A port of ours as other processes of the committee dial it. */
export const multiaddr = (port: number) => `/ip4/${host}/tcp/${port}`
