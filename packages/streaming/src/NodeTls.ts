/**
 * Who is at the other end: certificates in PEM, and keys by name. A key's name is the SHA-256 of its
 * SubjectPublicKeyInfo, so that it stays the same when the certificate around it is renewed.
 */
import { Effect, Redacted, type Stream } from "effect"
import type { Hash } from "@ephor/types"
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from "node:crypto"
import * as Tls from "node:tls"
import { Misconfigured, ObserverError } from "./ObserverError.ts"

/** PEM as text or as the bytes of a file. */
export type Pem = string | Uint8Array

/** What a server shows, and whom it lets in. */
export interface ServerTls {
  /** Private key in PEM. */
  readonly key: Redacted.Redacted<Pem>
  /** Certificate in PEM, followed by those of its issuers. */
  readonly cert: Pem
  /**
   * Names of the keys (`keyHash`) of the observers that are let in. They show any certificate around their key; who has
   * signed it does not matter. Default: observers need no key.
   */
  readonly clientKeys?: ReadonlyArray<Hash>
  /** Keys and certificates that take the place of these, as they come; connections that are open stay. Default: none. */
  readonly renewals?: Stream.Stream<Pick<ServerTls, "key" | "cert">>
}

/** Whom a client trusts, and what it shows. */
export interface ClientTls {
  /** Authorities in PEM that may have signed the publisher's certificate. Default: those of Node.js. */
  readonly ca?: Pem
  /** Name that the publisher's certificate must carry. Default: the host of the address. */
  readonly serverName?: string
  /** Names of the keys (`keyHash`) that the publisher may have; without `ca`, they alone decide. */
  readonly serverKeys?: ReadonlyArray<Hash>
  /** Own private key in PEM, for publishers that ask for one. */
  readonly key?: Redacted.Redacted<Pem>
  /** Own certificate in PEM; a self-signed one will do. */
  readonly cert?: Pem
}

const nameOf = (der: Uint8Array): Hash => `0x${createHash("sha256").update(der).digest("hex")}`

/** The name of the key in a certificate. */
export const certificateKeyHash = (certificate: X509Certificate): Hash =>
  nameOf(certificate.publicKey.export({ type: "spki", format: "der" }))

/**
 * The name of a key: SHA-256 of its SubjectPublicKeyInfo in DER, as 0x hex. Takes a certificate or a public key in PEM;
 * fails with `Misconfigured` for anything else.
 */
export const keyHash = (pem: Pem): Effect.Effect<Hash, ObserverError> =>
  Effect.try({
    try: () => {
      const text = textOf(pem)
      if (text.includes("PRIVATE KEY")) throw new Error("it is a private key")
      return text.includes("BEGIN CERTIFICATE")
        ? certificateKeyHash(new X509Certificate(text))
        : nameOf(createPublicKey(text).export({ type: "spki", format: "der" }))
    },
    catch: (cause) =>
      misconfigured("keyHash", `give a certificate or a public key in PEM (${messageOf(cause)})`)
  })

const textOf = (pem: Pem): string => (typeof pem === "string" ? pem : Buffer.from(pem).toString("utf8"))
const bufferOf = (pem: Pem): Buffer => Buffer.from(textOf(pem))
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "not readable")

const misconfigured = (where: string, why: string) =>
  new ObserverError({ where, reason: new Misconfigured({ why }) })

const checkKeys = (where: string, option: string, keys: ReadonlyArray<string> | undefined) => {
  if (keys === undefined) return undefined
  const wrong = keys.find((key) => !/^0x[0-9a-f]{64}$/.test(key))
  if (wrong !== undefined)
    return misconfigured(where, `${option} holds ${JSON.stringify(wrong)}: give 0x and 64 small hex digits`)
  return keys.length === 0
    ? misconfigured(where, `${option} is empty, so that nobody could connect: leave it out, or add a key`)
    : undefined
}

/** Checks key and certificate of a server; fails with `Misconfigured` if they are not PEM or not a pair. */
export const serverContext = (
  where: string,
  tls: ServerTls
): Effect.Effect<Tls.SecureContextOptions, ObserverError> =>
  Effect.suspend(() => {
    const wrong = checkKeys(where, "tls.clientKeys", tls.clientKeys)
    if (wrong !== undefined) return Effect.fail(wrong)
    const options: Tls.SecureContextOptions = {
      key: bufferOf(Redacted.value(tls.key)),
      cert: bufferOf(tls.cert),
      minVersion: "TLSv1.3"
    }
    return Effect.as(
      contextOf(where, "tls.key and tls.cert", () => options),
      options
    )
  })

/** Reads what a client trusts and shows; fails with `Misconfigured` if it is not PEM or not a pair. */
export const clientContext = (
  where: string,
  tls: ClientTls
): Effect.Effect<Tls.SecureContext, ObserverError> =>
  Effect.suspend(() => {
    const wrong = checkKeys(where, "serverKeys", tls.serverKeys)
    if (wrong !== undefined) return Effect.fail(wrong)
    if ((tls.key === undefined) !== (tls.cert === undefined))
      return Effect.fail(misconfigured(where, "key and cert go together: give both, or neither"))
    return contextOf(where, "ca, key and cert", () => ({
      minVersion: "TLSv1.2",
      ...(tls.ca === undefined ? {} : { ca: bufferOf(tls.ca) }),
      ...(tls.key === undefined ? {} : { key: bufferOf(Redacted.value(tls.key)), cert: bufferOf(tls.cert!) })
    }))
  })

const contextOf = (where: string, what: string, options: () => Tls.SecureContextOptions) =>
  Effect.try({
    try: () => {
      const { cert, key } = options()
      if (
        key !== undefined &&
        !new X509Certificate(cert as Buffer).checkPrivateKey(createPrivateKey(key as Buffer))
      )
        throw new Error("the key is not that of the certificate")
      return Tls.createSecureContext(options())
    },
    // OpenSSL says what it did not understand, never what it has read.
    catch: (cause) =>
      misconfigured(where, `${what} cannot be used: give PEM that belongs together (${messageOf(cause)})`)
  })

/** What is wrong with the key that a peer has shown, if anything. */
export const peerFault = (
  socket: Tls.TLSSocket,
  keys: ReadonlySet<string>,
  list: string
): string | undefined => {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return `no key was shown, although ${list} asks for one`
  const name = certificateKeyHash(certificate)
  return keys.has(name) ? undefined : `the key ${name} is not among ${list}`
}

/** Whether nobody else can listen in on what is sent to a host: it is this machine. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.[0-9]{1,3}){3}$/.test(host)
