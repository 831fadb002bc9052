/** One page for all processes of a devnet, at a port of the devnet itself. */
import { Health, NodeAdmin, NodeConsole, type Status as Told, StatusFeed } from "@ephor/cli"
import * as NodeJwt from "@ephor/json-rpc/NodeJwt"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { version } from "../version.ts"
import * as DevnetActions from "./DevnetActions.ts"
import * as Members from "./Members.ts"
import type { Devnet } from "./Network.ts"
import { host } from "./NodeCommands.ts"
import type { ObserverStatus } from "./Report.ts"

/** Opens the page; answers where it is. */
export const open = Effect.fnUntraced(function* (
  devnet: Devnet,
  observers: Effect.Effect<ReadonlyArray<ObserverStatus>>,
  { consolePort: port, dataDir }: { readonly consolePort: number; readonly dataDir: string }
) {
  const context = yield* Layer.build(Health.layer)
  const members = Members.membersOf(devnet)
  const services = yield* Effect.context<Effect.Services<ReturnType<typeof Members.tell>>>()
  const tell = Effect.provideContext(Members.tell(members), services)
  const parts = Effect.gen(function* () {
    const all = yield* tell
    const times = all.flatMap(({ status }) => status?.lastEventTime ?? [])
    const told: Told.Parts & Pick<Told.Status, "members" | "actions"> = {
      members: all,
      actions: yield* DevnetActions.offered(devnet, members),
      lastEventTime: times.length === 0 ? undefined : Math.max(...times),
      ladders: all.filter(({ kind }) => kind === "node").flatMap(({ status }) => status?.ladders ?? []),
      observers: (yield* observers).map(({ verified, ...observer }) => ({
        ...observer,
        isVerified: verified
      }))
    }
    return told
  })
  const status = yield* StatusFeed.make({
    name: "ephor devnet",
    version,
    role: `devnet of chains ${devnet.chains.map(({ chainId }) => chainId).join(", ")}`,
    parts
  }).pipe(Effect.provideContext(context))
  const { authority } = yield* NodeAdmin.open({ host, port, version }, [
    ...status,
    ...NodeConsole.routes(import.meta.url),
    Members.blocks(members, services),
    yield* DevnetActions.route(devnet, members, yield* NodeJwt.readSecret(join(dataDir, "jwt.hex")))
  ]).pipe(Effect.provideContext(context))
  return `http://${authority}/`
})
