/** The processes of a devnet, and what each one tells of itself. */
import type { Status as Told } from "@ephor/cli"
import { json, type Route, text } from "@ephor/json-rpc/Door"
import { type Context, Effect } from "effect"
import type { HttpClient } from "effect/http"
import * as Execution from "./Execution.ts"
import type { Devnet } from "./Network.ts"
import type { Child } from "./NodeChildren.ts"

/** How long a process may take to answer before it is shown as one that does not. */
const patience = "3 seconds"

/** A process by what it is called on the page. */
export interface Member {
  readonly name: string
  readonly kind: Told.Member["kind"]
  readonly child: Child
  readonly adminUrl: string
}

/** All of them, nodes first. */
export const membersOf = ({ chains, supervisor }: Devnet): ReadonlyArray<Member> => [
  ...chains.map(({ adminUrl, chainId, child }): Member => ({
    name: `node ${chainId}`,
    kind: "node",
    child,
    adminUrl
  })),
  { name: "supervisor", kind: "supervisor", child: supervisor.child, adminUrl: supervisor.adminUrl },
  ...chains.flatMap(({ validators }) =>
    validators.map(({ adminUrl, child }): Member => ({
      name: child.name,
      kind: "validator",
      child,
      adminUrl
    }))
  )
]

/** Asks a process; one that does not answer is shown without a word of its own. */
const ask = Effect.fnUntraced(function* ({ adminUrl, child, kind, name }: Member) {
  const [pid, restarts] = yield* Effect.all([child.pid, child.restarts])
  const answer = yield* Execution.get(`${adminUrl}/status`).pipe(Effect.timeout(patience), Effect.option)
  const told: Told.Member = {
    name,
    kind,
    pid,
    restarts,
    isUp: pid !== 0 && answer._tag === "Some",
    // It is a program of ours: it tells what the page of its own port would show.
    status: answer._tag === "Some" ? (answer.value as unknown as Told.Status) : undefined
  }
  return told
})

/** What all of them tell. */
export const tell = (members: ReadonlyArray<Member>) =>
  Effect.forEach(members, ask, { concurrency: "unbounded" })

const idOf = (name: string) => name.replaceAll(" ", "-")

/** `GET /status/blocks/NAME/HASH`: a block as one of the processes tells it. */
export const blocks = (
  members: ReadonlyArray<Member>,
  services: Context.Context<HttpClient.HttpClient>
): Route => ({
  method: "GET",
  path: "/status/blocks/*",
  handle: ({ path }) => {
    const [, , , id, hash = ""] = path.split("/")
    const member = members.find(({ name }) => idOf(name) === id)
    return member === undefined || !/^0x[0-9a-f]{64}$/.test(hash)
      ? Effect.fail(text(404, "name a process and a block of it: /status/blocks/node-901/0x..."))
      : Execution.get(`${member.adminUrl}/status/blocks/${hash}`).pipe(
          Effect.map((told) => json(told)),
          Effect.mapError(({ message }) => text(404, message)),
          Effect.provideContext(services)
        )
  }
})
