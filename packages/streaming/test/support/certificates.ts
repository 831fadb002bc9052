/**
 * Self-signed certificates made on the spot: as much of X.509 in DER as a TLS test needs, and nothing stored anywhere.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { Redacted } from "effect"

const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}
const sequence = (...parts: ReadonlyArray<Uint8Array>) => der(0x30, ...parts)
const text = (tag: number, value: string) => der(tag, Buffer.from(value, "latin1"))
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const utcTime = (date: Date) => text(0x17, `${date.toISOString().slice(2, 19).replaceAll(/[-:T]/g, "")}Z`)

const kinds = {
  ed25519: { algorithm: "2b6570", digest: null, make: () => generateKeyPairSync("ed25519") },
  p256: {
    algorithm: "2a8648ce3d040302",
    digest: "sha256",
    make: () => generateKeyPairSync("ec", { namedCurve: "P-256" })
  }
} as const

const pem = (bytes: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes)
    .toString("base64")
    .replaceAll(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE-----\n`

/** A key with a certificate that it has signed itself. */
export interface Identity {
  readonly key: Redacted.Redacted<string>
  readonly cert: string
  readonly publicKey: KeyObject
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly hash: `0x${string}`
}

/** Makes an identity for 127.0.0.1 and `name`. */
export const makeIdentity = (name = "publisher.test", kind: keyof typeof kinds = "ed25519"): Identity => {
  const { algorithm, digest, make } = kinds[kind]
  const { privateKey, publicKey } = make()
  const spki = publicKey.export({ type: "spki", format: "der" })
  const signer = sequence(oid(algorithm))
  const subject = sequence(der(0x31, sequence(oid("550403"), text(0x0c, name))))
  const names = sequence(text(0x82, name), der(0x87, Buffer.from([127, 0, 0, 1])))
  const now = Date.now()
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    signer,
    subject,
    sequence(utcTime(new Date(now - 3_600_000)), utcTime(new Date(now + 3_600_000))),
    subject,
    spki,
    der(0xa3, sequence(sequence(oid("551d11"), der(0x04, names))))
  )
  const signature = sign(digest, body, privateKey)
  const certificate = sequence(body, signer, der(0x03, Buffer.from([0]), signature))
  return {
    key: Redacted.make(privateKey.export({ type: "pkcs8", format: "pem" }) as string),
    cert: pem(certificate),
    publicKey,
    hash: `0x${createHash("sha256").update(spki).digest("hex")}`
  }
}
