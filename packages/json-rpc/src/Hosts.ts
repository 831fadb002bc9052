/**
 * Which names a door answers to, and pages of which origins may use it: a page of a stranger must not get at a server of
 * this machine by way of the browser of its owner. Pure; as go-ethereum has it for `--http.vhosts` and
 * `--http.corsdomain`, and a request with a foreign `Origin` is refused, not only left without CORS headers.
 */

/** Who may ask. */
export interface Hosts {
  /** Names in the `Host` header, without port; `*` is any. IP addresses are always accepted, as no page can fake them. */
  readonly vhosts: ReadonlyArray<string>
  /** Origins (`https://page.example`, `*`) of pages that may ask; pages of this machine always may. */
  readonly corsDomains: ReadonlyArray<string>
}

/** This machine by its name, and pages of no other. */
export const localhost: Hosts = { vhosts: ["localhost"], corsDomains: [] }

/** Any name, any page: for a door that guards itself, or has nothing to guard. */
export const anyone: Hosts = { vhosts: ["*"], corsDomains: ["*"] }

/** The name of a `Host` header without its port, in lower case. */
const nameOf = (host: string): string => {
  const [, bracketed] = /^\[([^\]]*)\](?::\d*)?$/.exec(host) ?? []
  return (bracketed ?? host.replace(/:\d*$/, "")).toLowerCase()
}

const isAddress = (name: string) =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || /^[0-9a-f:.]*:[0-9a-f:.]*$/.test(name)

/** Whether a door answers to a `Host` header; programs that send none are let in. */
export const acceptsHost = ({ vhosts }: Hosts, host: string | undefined): boolean => {
  if (host === undefined || host === "" || vhosts.includes("*")) return true
  const name = nameOf(host)
  return isAddress(name) || vhosts.some((one) => one.toLowerCase() === name)
}

const localNames = new Set(["localhost", "127.0.0.1", "[::1]"])

/** Whether a page of an origin may ask; programs, which have none, may. */
export const acceptsOrigin = ({ corsDomains }: Hosts, origin: string | undefined): boolean => {
  if (origin === undefined || corsDomains.includes("*")) return true
  if (corsDomains.some((one) => one.toLowerCase() === origin.toLowerCase())) return true
  const url = URL.parse(origin)
  return url !== null && localNames.has(url.hostname)
}

/** What a browser wants to hear in an answer to a page of an accepted origin; nothing for programs. */
export const corsHeaders = (
  { corsDomains }: Hosts,
  origin: string | undefined
): { readonly [name: string]: string } => {
  if (origin === undefined) return {}
  return corsDomains.includes("*")
    ? { "Access-Control-Allow-Origin": "*" }
    : { "Access-Control-Allow-Origin": origin, Vary: "Origin" }
}

/** Seconds for which a browser need not ask again. */
const preflightSeconds = 600

/** The further headers of an answer to the question of a browser whether it may ask. */
export const preflightHeaders = (requested: string | undefined): { readonly [name: string]: string } => ({
  "Access-Control-Allow-Methods": "GET, POST",
  "Access-Control-Allow-Headers":
    requested !== undefined && /^[\w\-, ]{1,1000}$/.test(requested) ? requested : "Content-Type",
  "Access-Control-Max-Age": String(preflightSeconds)
})
