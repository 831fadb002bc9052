/** Figures in words that fit into little room. */

/** How long, by the largest unit that says something. */
export const duration = (seconds: number): string => {
  const s = Math.max(0, Math.round(seconds))
  if (s < 100) return `${s} s`
  if (s < 100 * 60) return `${Math.floor(s / 60)} min`
  if (s < 100 * 3600) return `${Math.floor(s / 3600)} h`
  return `${Math.floor(s / 86400)} d`
}

/** Bytes by the unit that fits. */
export const bytes = (count: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let at = 0
  let rest = count
  while (rest >= 1000 && at < units.length - 1) {
    rest /= 1000
    at++
  }
  return `${rest < 10 && at > 0 ? rest.toFixed(1) : Math.round(rest)} ${units[at]}`
}

/** The beginning of a hash. */
export const short = (hash: string): string => (hash.length > 12 ? `${hash.slice(0, 8)}…` : hash)

/** A rate with as many digits as it deserves. */
export const rate = (perSecond: number | undefined): string =>
  perSecond === undefined ? "–" : `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`

/** The time of day of a moment. */
export const clock = (ms: number): string => new Date(ms).toLocaleTimeString()
