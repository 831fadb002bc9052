/**
 * Keeps secrets out of messages: what looks like one where the path of a file is expected, and what URLs carry.
 */
import * as Endpoint from "@ephor/json-rpc/Endpoint"

const words = /^[a-z]{3,8}(?:[ \t]+[a-z]{3,8}){10,}/
const hexKey = /^(?:0x)?[0-9a-f]{64,}$/i
const token = /^(?:Bearer\s+)?[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}$/i

/** Whether a text looks like a phrase, a key in hex, a token or PEM, rather than the path of a file. */
export const isLike = (text: string): boolean => {
  const trimmed = text.trim()
  return (
    words.test(trimmed) ||
    hexKey.test(trimmed.replace(/\/\/.*$/, "")) ||
    token.test(trimmed) ||
    trimmed.includes("-----BEGIN") ||
    trimmed.includes("\n")
  )
}

/** What to say instead of the text. */
export const notRepeated = "what looks like a secret (it is not repeated here)"

/** A URL as it may be shown: as an `Endpoint` prints it. */
export const showUrl = (url: string): string =>
  Endpoint.show(url) ?? "what is no URL (it is not repeated here)"
