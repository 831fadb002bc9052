/** A tab for each process of a devnet, chosen by mouse, by arrow keys, or by the address of the page. */
import { useEffect, useRef } from "preact/hooks"

/** What a tab shows. */
export interface Tab {
  readonly id: string
  readonly title: string
  readonly tone: "good" | "warn" | "bad"
  /** The tone in a word, for who does not see colours. */
  readonly word: string
}

const steps: { readonly [key: string]: number | undefined } = {
  ArrowRight: 1,
  ArrowDown: 1,
  ArrowLeft: -1,
  ArrowUp: -1
}

/** The list of tabs. */
export const Tabs = ({
  chosen,
  choose,
  tabs
}: {
  readonly tabs: ReadonlyArray<Tab>
  readonly chosen: string
  readonly choose: (id: string) => void
}) => {
  const list = useRef<HTMLDivElement>(null)
  const moved = useRef(false)
  useEffect(() => {
    if (!moved.current) return
    moved.current = false
    list.current?.querySelector<HTMLElement>("[aria-selected=true]")?.focus()
  }, [chosen])
  const onKeyDown = (event: KeyboardEvent) => {
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = tabs.findIndex(({ id }) => id === chosen)
    moved.current = true
    choose(tabs[(at + step + tabs.length) % tabs.length]!.id)
  }
  return (
    <div class="tabs" role="tablist" aria-label="processes" ref={list} onKeyDown={onKeyDown}>
      {tabs.map(({ id, title, tone, word }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`tab-${id}`}
          aria-selected={id === chosen}
          aria-controls="shown"
          tabIndex={id === chosen ? 0 : -1}
          class={`tab ${tone}`}
          data-tone={tone}
          onClick={() => choose(id)}
        >
          <span class="dot" aria-hidden="true" /> {title} <span class="word">{word}</span>
        </button>
      ))}
    </div>
  )
}
