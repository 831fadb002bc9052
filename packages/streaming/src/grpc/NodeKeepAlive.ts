/**
 * PING on a session for as long as it lives: a peer that does not answer is gone, whatever TCP says.
 */
import type * as Http2 from "node:http2"

/** Pings a session; destroys it, after `onLost`, when a ping is not answered in time. */
export const keepAlive = (
  session: Http2.Http2Session,
  {
    keepaliveIntervalMs,
    keepaliveTimeoutMs
  }: { readonly keepaliveIntervalMs: number; readonly keepaliveTimeoutMs: number },
  onLost: () => void
): void => {
  let timeout: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    if (session.destroyed || timeout !== undefined) return
    timeout = setTimeout(() => {
      onLost()
      session.destroy()
    }, keepaliveTimeoutMs)
    session.ping(() => {
      clearTimeout(timeout)
      timeout = undefined
    })
  }, keepaliveIntervalMs)
  session.on("close", () => {
    clearInterval(interval)
    clearTimeout(timeout)
  })
}
