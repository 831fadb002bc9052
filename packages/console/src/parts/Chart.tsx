/** Lines over time, drawn by uPlot. */
import { useEffect, useRef } from "preact/hooks"
import UPlot from "uplot"
import type { Series } from "../History.ts"

/** What is drawn, and how it is called for who does not see it. */
export interface Options {
  readonly label: string
  readonly series: Series
  readonly height: number
  /** The name of the colour in the style sheet. */
  readonly color: string
  /** Without axes: a sparkline. */
  readonly isSmall?: boolean | undefined
}

const variable = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const optionsOf = ({ color, height, isSmall, label }: Options, width: number): UPlot.Options => ({
  width,
  height,
  padding: isSmall === true ? [2, 0, 2, 0] : [6, 6, 8, 0],
  legend: { show: false },
  cursor: { show: false },
  scales: {
    y: {
      range: (_, min, max) => [Math.min(0, min ?? 0), Math.max(isSmall === true ? 4 : 1, (max ?? 0) * 1.1)]
    }
  },
  axes: [
    { show: false },
    {
      show: isSmall !== true,
      size: 42,
      font: "11px system-ui, sans-serif",
      stroke: () => variable("--quiet"),
      grid: { stroke: () => variable("--line"), width: 1 },
      ticks: { show: false }
    }
  ],
  series: [
    {},
    {
      label,
      width: 1.5,
      stroke: () => variable(color),
      fill: () => `${variable(color)}22`,
      points: { show: false },
      spanGaps: false
    }
  ]
})

/** A line that grows with its series. */
export const Chart = (options: Options) => {
  const { height, isSmall, label, series } = options
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(undefined)
  useEffect(() => {
    const element = host.current
    if (element === null) return
    const made = new UPlot(optionsOf(options, Math.max(40, element.clientWidth)), [[], []], element)
    plot.current = made
    const observer = new ResizeObserver(() => {
      const width = Math.max(40, element.clientWidth)
      if (width !== made.width) made.setSize({ width, height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [])
  useEffect(() => {
    plot.current?.setData([series.times, series.values])
  })
  const last = series.values.at(-1)
  return (
    <div
      ref={host}
      class={isSmall === true ? "spark" : "chart"}
      role="img"
      aria-label={`${label}: ${last === undefined || last === null ? "nothing yet" : Math.round(last * 10) / 10}`}
    />
  )
}
