/**
 * A door: an HTTP port with one set of limits and one set of rules about who may ask, whatever is behind it. Routes and
 * their answers are plain values; `NodeDoor` opens the port.
 */
import type { Effect, Stream } from "effect"
import type { Hosts } from "./Hosts.ts"

/** What one door holds out; all of it is counted in `Metrics`. */
export interface Limits {
  /** Bytes of a request body, with or without a `Content-Length`. */
  readonly bodyBytes: number
  /** Time for the headers of a request, silence before them included, in milliseconds. */
  readonly headersTimeoutMs: number
  /** Time for a whole request, in milliseconds. */
  readonly requestTimeoutMs: number
  /** Time after which an idle connection is closed, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Requests and WebSockets that are served at a time; they count once they were let in. More are answered with 503. */
  readonly connections: number
  /** The same, of one address. */
  readonly connectionsPerAddress: number
  /** Connections that wait without a request, or with a part of one; the oldest of the busiest address makes room. */
  readonly waiting: number
  /** Time in which the reader of an answer that goes on must take what was written, in milliseconds. */
  readonly writeTimeoutMs: number
}

/** 5 MiB, 5 s, 30 s, 120 s; 512 at a time, 256 of one address, and 1024 that wait; 10 s for a slow reader. */
export const defaults: Limits = {
  bodyBytes: 5 * 1024 * 1024,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  connections: 512,
  connectionsPerAddress: 256,
  waiting: 1024,
  writeTimeoutMs: 10_000
}

/** What was asked. */
export interface Request {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly headers: { readonly [name: string]: string | undefined }
  /** The body as text, within the limit of the route or of the door. Read only when it is asked for. */
  readonly text: Effect.Effect<string, Reply>
}

/** What is answered. */
export interface Reply {
  readonly status: number
  readonly headers?: { readonly [name: string]: string } | undefined
  readonly body?: string | Uint8Array | undefined
  /**
   * An answer that goes on instead of a body: one part is written at a time, the next one when the reader has taken it.
   * The request keeps its place until the stream ends or the reader has gone.
   */
  readonly parts?: Stream.Stream<string> | undefined
}

/** Something behind a door. */
export interface Route {
  readonly method: "GET" | "POST"
  /** A path, or the beginning of paths if it ends with `/*`. */
  readonly path: string
  /** Whether it is behind no authorization of the door: a health check, for one. */
  readonly isOpen?: boolean | undefined
  /** Bytes of a body, where the route takes less than the door. */
  readonly bodyBytes?: number | undefined
  /** Fails with a reply where that is shorter to say. */
  readonly handle: (request: Request) => Effect.Effect<Reply, Reply>
}

/** Why a request is turned away before anything of it is carried out, if it is. */
export type Authorize = (headers: Request["headers"]) => Effect.Effect<Reply | undefined>

/** A JSON value as an answer. */
export const json = (value: unknown, status = 200): Reply => ({
  status,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value)
})

/** A plain text answer, as Go's `http.Error` gives it. */
export const text = (status: number, text: string): Reply => ({
  status,
  headers: { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" },
  body: `${text}\n`
})

/** Where to listen. */
export interface Options {
  /** How the door is called in logs and metrics. */
  readonly name: string
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined
  /** 0 takes any free port: see `Address`. */
  readonly port: number
  /** Default: `Hosts.localhost`. */
  readonly hosts?: Partial<Hosts> | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** Where a door is. */
export interface Address {
  readonly host: string
  /** The port that was bound, also if port 0 was asked for. */
  readonly port: number
  /** Host and port as a URL has them. */
  readonly authority: string
}

/** Whether a route is the one for a path. */
export const leadsTo = ({ path }: Route, asked: string): boolean =>
  path.endsWith("/*") ? asked.startsWith(path.slice(0, -1)) : path === asked
