/** The last blocks of a chain: a column for each height, forks below the canonical block. */
import type { Status, StripBlock } from "@ephor/cli/Status"
import { useEffect, useRef, useState } from "preact/hooks"
import { Panel } from "../parts/Panel.tsx"
import { short } from "../parts/Words.ts"
import { BlockCard } from "./BlockCard.tsx"

/** What a block is called, the strangest first. */
const kindOf = ({ fate, isDisputed, isReplacement }: StripBlock): string =>
  fate === "replaced"
    ? "replaced"
    : fate === "reverted"
      ? isDisputed
        ? "disputed and reverted"
        : "reverted"
      : isReplacement
        ? "replacement"
        : isDisputed
          ? "disputed"
          : "canonical"

const markOf = (block: StripBlock): string =>
  block.fate === "replaced"
    ? "✕"
    : block.isReplacement
      ? "R"
      : block.isDisputed
        ? "!"
        : block.fate === "reverted"
          ? "↶"
          : block.included > 0
            ? "•"
            : ""

const columnsOf = (strip: ReadonlyArray<StripBlock>) => {
  const columns = new Map<number, Array<StripBlock>>()
  for (const block of strip) {
    const column = columns.get(block.number) ?? []
    columns.set(block.number, column)
    if (block.fate === "canonical") column.unshift(block)
    else column.push(block)
  }
  return [...columns]
}

const legend = [
  ["canonical", "canonical, • includes a candidate"],
  ["disputed", "! disputed"],
  ["reverted", "↶ reverted"],
  ["replaced", "✕ invalid, replaced"],
  ["replacement", "R its replacement"]
] as const

/** Blocks that can be opened; `from` is where the program tells about one. */
export const BlockStrip = ({
  from,
  of,
  status: { strip }
}: {
  readonly status: Status
  readonly from: string
  /** Whose blocks they are, where the page shows those of several. */
  readonly of?: string | undefined
}) => {
  const [opened, setOpened] = useState<string>()
  const row = useRef<HTMLDivElement>(null)
  const newest = strip?.at(-1)?.number
  // The newest block is what one wants to see, unless one has scrolled away.
  useEffect(() => {
    const element = row.current
    if (element === null) return
    const rest = element.scrollWidth - element.clientWidth - element.scrollLeft
    if (rest < 120 || element.scrollLeft === 0) element.scrollLeft = element.scrollWidth
  }, [newest])
  if (strip === undefined) return null
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
    if (step === 0) return
    const all = [...(row.current?.querySelectorAll<HTMLElement>("button") ?? [])]
    const next = all[all.indexOf(document.activeElement as HTMLElement) + step]
    if (next === undefined) return
    event.preventDefault()
    next.focus()
  }
  return (
    <Panel
      id={of === undefined ? "strip" : `strip-${of.replaceAll(" ", "-")}`}
      title={of === undefined ? "Blocks" : `Blocks of ${of}`}
      note="of the last 60 heights, forks below"
      isWide
    >
      <div class="strip" ref={row} role="group" aria-label="blocks, the newest last" onKeyDown={onKeyDown}>
        {columnsOf(strip).map(([number, blocks]) => (
          <div key={number} class="column">
            {blocks.map((block) => (
              <button
                key={block.hash}
                type="button"
                class={`block ${block.fate}${block.isDisputed ? " disputed" : ""}${block.isReplacement ? " replacement" : ""}`}
                data-kind={kindOf(block)}
                title={`${number} ${short(block.hash)}: ${kindOf(block)}, ${block.backed} backed, ${block.included} included`}
                aria-label={`block ${number}, ${kindOf(block)}, ${block.included} included`}
                aria-expanded={opened === block.hash}
                onClick={() => setOpened(opened === block.hash ? undefined : block.hash)}
              >
                {markOf(block)}
              </button>
            ))}
            <span class="height quiet">{number % 5 === 0 ? number : ""}</span>
          </div>
        ))}
      </div>
      <ul class="legend">
        {legend.map(([kind, text]) => (
          <li key={kind}>
            <span class={`block ${kind}`} aria-hidden="true" /> {text}
          </li>
        ))}
      </ul>
      {opened === undefined ? null : (
        <BlockCard url={`${from}/${opened}`} hash={opened} close={() => setOpened(undefined)} />
      )}
    </Panel>
  )
}
