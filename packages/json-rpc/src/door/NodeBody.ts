/**
 * The one reader of request bodies: within a limit, whether the length was announced or not.
 */
import type { IncomingMessage } from "node:http"
import { Effect } from "effect"
import { type Reply, text } from "../Door.ts"

/** The refusal of a body. It ends the connection, as the rest of the body is not read. */
const tooLong = (length: string, limit: number): Reply => {
  const reply = text(413, `content length too large (${length}>${limit})`)
  return { ...reply, headers: { ...reply.headers, Connection: "close" } }
}

/** Why a body is refused before any of it was read. */
export const announcedTooLong = (request: IncomingMessage, limit: number): Reply | undefined => {
  const announced = Number(request.headers["content-length"] ?? 0)
  return announced > limit ? tooLong(String(announced), limit) : undefined
}

/** The body as text. Fails with the reply to one that is longer than allowed, or breaks off. */
export const readBody = (request: IncomingMessage, limit: number): Effect.Effect<string, Reply> =>
  Effect.callback<string, Reply>((resume) => {
    const refused = announcedTooLong(request, limit)
    if (refused !== undefined) return resume(Effect.fail(refused))
    const chunks: Array<Buffer> = []
    let length = 0
    request.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) return void chunks.push(chunk)
      chunks.length = 0
      request.pause()
      resume(Effect.fail(tooLong("", limit)))
    })
    request.once("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8"))))
    const broken = () => resume(Effect.fail(text(400, "the body broke off")))
    request.once("close", broken)
    request.once("error", broken)
  })
