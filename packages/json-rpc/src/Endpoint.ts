/**
 * Where a JSON-RPC server is: connects with the credentials and keys of its URL, and prints without them. A name and a
 * password go into an `Authorization` header; path and query may hold the key of a provider, so they are shown as
 * `<redacted>` wherever an endpoint is printed, logged or made JSON of.
 */
import { Result, Schema } from "effect"

/** The text is no URL of an accepted protocol. Says what is wrong without repeating the text, which may hold a key. */
export class BadEndpoint extends Schema.TaggedError<BadEndpoint>()("BadEndpoint", {
  protocols: Schema.Array(Schema.String)
}) {
  override get message() {
    return `expected a URL with ${this.protocols.map((protocol) => `${protocol}//`).join(", ")}`
  }
}

/** Every protocol that a client of this package can use. */
export const protocols = ["http:", "https:", "ws:", "wss:"] as const

const isPlain = ({ pathname, search }: URL) => pathname === "/" && search === ""

const printed = (url: URL): string => `${url.protocol}//${url.host}${isPlain(url) ? "" : "/<redacted>"}`

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** UTF-8 as Base64, as RFC 7617 has it for a name and a password. */
const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""))

/** What a connection is made with. Not to be logged, printed or kept. */
export interface Revealed {
  /** The URL without name and password, with path and query. */
  readonly url: string
  /** `Authorization`, if the URL has a name or a password. */
  readonly headers: { readonly Authorization?: string }
}

/** A URL that keeps its secrets. `from` makes one. */
export class Endpoint {
  readonly #url: URL
  readonly #printed: string
  constructor(url: URL) {
    this.#url = new URL(url)
    this.#printed = printed(url)
  }
  /** `http:`, `https:`, `ws:` or `wss:`. */
  get protocol(): string {
    return this.#url.protocol
  }
  /** Whether it is the address of a WebSocket. */
  get isSocket(): boolean {
    return this.protocol === "ws:" || this.protocol === "wss:"
  }
  /** Host and port. */
  get host(): string {
    return this.#url.host
  }
  /** What a connection is made with. */
  reveal(): Revealed {
    const { password, username } = this.#url
    const bare = new URL(this.#url)
    bare.username = ""
    bare.password = ""
    const isOpen = username === "" && password === ""
    const pair = `${decoded(username)}:${decoded(password)}`
    return { url: bare.href, headers: isOpen ? {} : { Authorization: `Basic ${base64(pair)}` } }
  }
  /** The same server with its credentials, at a path below this one. */
  below(path: string): Endpoint {
    const url = new URL(this.#url)
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`
    return new Endpoint(url)
  }
  /** Whether two are the same to the letter, secrets included. */
  equals(other: Endpoint): boolean {
    return this.#url.href === other.#url.href
  }
  /** Protocol, host and port. */
  toString(): string {
    return this.#printed
  }
  toJSON(): string {
    return this.#printed
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.#printed
  }
}

/** An endpoint, or its URL. */
export type Input = Endpoint | string

/** The endpoint of a URL, or why it is none. */
export const from = (
  input: Input,
  accepted: ReadonlyArray<string> = protocols
): Result.Result<Endpoint, BadEndpoint> => {
  if (input instanceof Endpoint && accepted.includes(input.protocol)) return Result.succeed(input)
  const url = typeof input === "string" ? URL.parse(input) : null
  return url !== null && accepted.includes(url.protocol) && url.host !== ""
    ? Result.succeed(new Endpoint(url))
    : Result.fail(new BadEndpoint({ protocols: accepted }))
}

/** A URL of any protocol as an endpoint prints it; nothing for text that is none. */
export const show = (text: string): string | undefined =>
  URL.canParse(text) ? printed(new URL(text)) : undefined

/** Names for several endpoints: those that print alike are told apart by their positions. */
export const names = (endpoints: ReadonlyArray<Endpoint>): ReadonlyArray<string> =>
  endpoints.map((endpoint, index) => {
    const name = String(endpoint)
    return endpoints.some((other, at) => at !== index && String(other) === name)
      ? `${name} (${index + 1})`
      : name
  })
