/** The two HTTP endpoints of a client of the OP stack, on free ports of 127.0.0.1, gone with their scope. */
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { type Answer, type Call, FakeClient, type Options } from "./fakeClient.ts"

const refusalOf = (secret: Uint8Array, { headers }: IncomingMessage): string | undefined => {
  const [head, body, tag] = (/^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "").split(".")
  if (head === undefined || body === undefined || tag === undefined) return "missing token"
  const text = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString())
  if (text(head).alg !== "HS256") return "signing method is invalid"
  const expected = createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url")
  if (expected !== tag) return "signature is invalid"
  return Math.abs(Date.now() / 1000 - text(body).iat) > 60 ? "stale token" : undefined
}

type Handler = (call: Call) => Promise<Answer>

const listen = (handler: Handler, refusal: (request: IncomingMessage) => string | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer(async (request, response) => {
        const refused = refusal(request)
        if (refused !== undefined) {
          response.writeHead(401, { "content-type": "text/plain; charset=utf-8" }).end(`${refused}\n`)
          return
        }
        let text = ""
        for await (const bytes of request.setEncoding("utf8")) text += bytes
        const { id, method, params } = JSON.parse(text)
        const answer = await handler({ method, params })
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }))
      })
      server.listen(0, "127.0.0.1", () => {
        const close = () => {
          server.close()
          server.closeAllConnections()
        }
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** Starts a client, gone with its scope. */
export const startClient = Effect.fnUntraced(function* (options: Options & { readonly secret: Uint8Array }) {
  const client = new FakeClient(options)
  const open = yield* listen(
    (call) => client.publicAnswer(call),
    () => undefined
  )
  const engine = yield* listen(
    (call) => client.engineAnswer(call),
    (request) => refusalOf(options.secret, request)
  )
  return { client, url: open.url, engineUrl: engine.url }
})
