/** A part of the page with a heading of its own. */
import type { ComponentChildren } from "preact"

/** What a panel is called, and whether it needs attention. */
export interface Options {
  readonly id: string
  readonly title: string
  readonly note?: ComponentChildren
  readonly tone?: "good" | "bad" | "warn" | undefined
  readonly isWide?: boolean | undefined
  readonly children: ComponentChildren
}

/** A section that assistive programs find by its heading. */
export const Panel = ({ children, id, isWide, note, title, tone }: Options) => (
  <section
    class={`panel${isWide === true ? " wide" : ""}${tone === undefined ? "" : ` ${tone}`}`}
    aria-labelledby={`${id}-title`}
    data-panel={id}
  >
    <header>
      <h2 id={`${id}-title`}>{title}</h2>
      {note === undefined ? null : <p class="note">{note}</p>}
    </header>
    {children}
  </section>
)

/** A table that scrolls by itself where there is little room, by keyboard, too. */
export const Table = ({
  children,
  head,
  label
}: {
  readonly label: string
  readonly head: ReadonlyArray<string>
  readonly children: ComponentChildren
}) => (
  <div class="scroll" role="region" aria-label={label} tabIndex={0}>
    <table>
      <thead>
        <tr>
          {head.map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
)
