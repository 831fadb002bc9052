/** The buttons of a devnet: what a person may do to it, to see what follows. */
import type { Status } from "@ephor/cli/Status"
import { useState } from "preact/hooks"
import { Panel } from "../parts/Panel.tsx"

type Action =
  | { readonly _tag: "Kill"; readonly name: string }
  | { readonly _tag: "Garbage" | "Message"; readonly chainId: string }
  | { readonly _tag: "L1" }

/** Asks for it; answers what came of it in a sentence. */
const act = async (action: Action, done: string): Promise<string> => {
  try {
    const response = await fetch("devnet/act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(action)
    })
    return response.ok ? done : await response.text()
  } catch {
    return "the devnet does not answer"
  }
}

/** Nothing where the program takes no orders. */
export const Buttons = ({ status: { actions } }: { readonly status: Status }) => {
  const [said, setSaid] = useState("")
  if (actions === undefined) return null
  const { garbage, kill, l1, message } = actions
  const button = (title: string, action: Action, done: string) => (
    <button
      key={title}
      type="button"
      onClick={() => {
        const press = async () => setSaid(await act(action, done))
        press().catch(() => undefined)
      }}
    >
      {title}
    </button>
  )
  return (
    <Panel id="buttons" title="Try it" note="what follows is on this page" isWide>
      <div class="buttons">
        {garbage.map((chainId) =>
          button(
            `offer garbage on ${chainId}`,
            { _tag: "Garbage", chainId },
            `Ordered: an invalid candidate on chain ${chainId} as soon as it is the turn of the malicious. Then it is disputed, its block reverted, the supervisor reset, and the observers follow.`
          )
        )}
        {message.map((chainId) =>
          button(
            `send a message from ${chainId}`,
            { _tag: "Message", chainId },
            `Sent: the other chains execute it when its block is cross-safe.`
          )
        )}
        {kill.map((name) =>
          button(`kill ${name}`, { _tag: "Kill", name }, `${name} was killed: it is started again.`)
        )}
        {l1 === undefined
          ? null
          : button(
              l1 ? "stop L1" : "start L1",
              { _tag: "L1" },
              l1 ? "L1 stands: nothing becomes safe until it goes on." : "L1 goes on."
            )}
      </div>
      <p class="note" role="status">
        {said}
      </p>
    </Panel>
  )
}
