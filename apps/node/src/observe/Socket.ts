/**
 * A Unix socket that somebody else listens on, as the place that `observe` writes to.
 */
import { Effect, type Scope } from "effect"
import { connect, type Socket } from "node:net"
import { ObserveError } from "./Committee.ts"

const connected = (path: string) =>
  Effect.callback<Socket, ObserveError>((resume) => {
    const socket = connect(path)
    const refuse = (error: Error) =>
      resume(
        new ObserveError({
          message: `nobody listens on the socket ${path}: ${error.message}; start the reader first`
        })
      )
    socket.once("error", refuse)
    socket.once("connect", () => {
      socket.off("error", refuse)
      resume(Effect.succeed(socket))
    })
    return Effect.sync(() => socket.destroy())
  })

/** Opens a socket; what it returns writes a text, and waits for a slow reader. */
export const open = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<(text: string) => Effect.Effect<void, ObserveError>, ObserveError, Scope.Scope> {
  const socket = yield* Effect.acquireRelease(connected(path), (open) =>
    Effect.callback<void>((resume) => {
      open.end(() => resume(Effect.void))
      open.once("close", () => resume(Effect.void))
    })
  )
  let why = "its reader has closed it"
  socket.on("error", (error) => void (why = error.message))
  // A reader says nothing; reading shows when it goes.
  socket.resume()
  return (text) =>
    Effect.callback<void, ObserveError>((resume) => {
      const gone = () => resume(new ObserveError({ message: `the socket ${path} is gone: ${why}` }))
      if (socket.destroyed || socket.writableEnded) return gone()
      socket.once("close", gone)
      socket.write(text, (error) => {
        socket.off("close", gone)
        if (error) gone()
        else resume(Effect.void)
      })
    })
})
