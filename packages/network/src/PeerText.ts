/**
 * What peers write, made fit for a log and a terminal: every text of a peer passes here where it comes off the wire.
 */

/** Longest text of a peer that is kept, in characters. */
export const maxPeerTextLength = 200

// Control characters, line and paragraph ends, and the invisible ones that turn the direction of writing.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu

/** The text with what a terminal would obey replaced by U+FFFD, and no longer than `maxPeerTextLength`. */
export const clean = (text: string, maxLength: number = maxPeerTextLength): string => {
  // Cut first: a peer decides how long its text is, and the rest is work for nothing.
  const cut = text.length > maxLength ? `${text.slice(0, maxLength - 3)}...` : text
  return cut.replace(unprintable, "\ufffd")
}
