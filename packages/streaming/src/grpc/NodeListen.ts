/**
 * Where a server listens: TCP addresses, and Unix sockets, which only its own user may open.
 */
import { Effect } from "effect"
import { chmod, lstat, rm } from "node:fs/promises"
import * as Net from "node:net"
import { Bind, ObserverError } from "../ObserverError.ts"

/** A TCP address, or the path of a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** What addresses of Unix sockets begin with. */
export const unixPrefix = "unix:"

/** An address as a person writes it. */
export const nameOf = (address: ListenAddress): string =>
  "path" in address ? `${unixPrefix}${address.path}` : `${address.host}:${address.port}`

/** The same with the brackets that URLs want around IPv6. */
export const urlOf = (address: ListenAddress, scheme: string): string => {
  if ("path" in address) return nameOf(address)
  const host = address.host.includes(":") ? `[${address.host}]` : address.host
  return `${scheme}://${host}:${address.port}`
}

const bindFailed = (address: ListenAddress, why: string) =>
  new ObserverError({ where: "NodeGrpcServer", reason: new Bind({ address: nameOf(address), why }) })

const listenOnce = (server: Net.Server, address: ListenAddress) =>
  Effect.callback<ListenAddress, NodeJS.ErrnoException>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(error))
    server.once("error", onError)
    server.listen(address, () => {
      server.off("error", onError)
      // Nothing that happens to the listening socket later may end the process.
      server.on("error", () => {})
      if ("path" in address) return resume(Effect.succeed(address))
      const bound = server.address() as Net.AddressInfo
      return resume(Effect.succeed({ host: bound.address, port: bound.port }))
    })
  })

/** Whether a socket was left behind by a process that is gone. */
const isAbandoned = async (path: string): Promise<boolean> => {
  if (!(await lstat(path)).isSocket()) return false
  return new Promise((resolve) => {
    const probe = Net.connect({ path })
    probe.once("connect", () => {
      probe.destroy()
      resolve(false)
    })
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"))
  })
}

const remove = async (path: string): Promise<boolean> => {
  if (!(await isAbandoned(path))) return false
  await rm(path)
  return true
}

/** Listens; tells where, with the port that was taken. */
export const listen = Effect.fnUntraced(function* (
  server: Net.Server,
  address: ListenAddress
): Effect.fn.Return<ListenAddress, ObserverError> {
  const path = "path" in address ? address.path : undefined
  const removed = (error: NodeJS.ErrnoException) =>
    path !== undefined && error.code === "EADDRINUSE"
      ? Effect.orElseSucceed(
          Effect.tryPromise(() => remove(path)),
          () => false
        )
      : Effect.succeed(false)
  const bound = yield* listenOnce(server, address).pipe(
    Effect.catch((error) =>
      Effect.flatMap(removed(error), (again) => (again ? listenOnce(server, address) : Effect.fail(error)))
    ),
    Effect.mapError(({ code, message }) => {
      const elsewhere =
        path === undefined ? "choose another port (0 takes any free one)" : "choose another path"
      return bindFailed(
        address,
        code === "EADDRINUSE" ? `another process listens there; stop it, or ${elsewhere}` : message
      )
    })
  )
  if (path === undefined) return bound
  return yield* Effect.as(
    Effect.tryPromise({
      try: () => chmod(path, 0o600),
      catch: (cause) => bindFailed(address, cause instanceof Error ? cause.message : String(cause))
    }),
    bound
  )
})
