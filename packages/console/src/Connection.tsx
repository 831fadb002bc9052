/** The one stream of events that a page opens, and the memory of what it told. */
import type { Status } from "@ephor/cli/Status"
import { useEffect, useState } from "preact/hooks"
import { History } from "./History.ts"

/** How the page hears of the program. */
export interface Connection {
  readonly status: Status | undefined
  readonly history: History
  /** Since when nothing came, in milliseconds of the page's clock; nothing while all is well. */
  readonly lostSince: number | undefined
}

const retryMs = 1500
/** Silence after which the stream counts as lost although nobody closed it. */
const silenceMs = 6000

/** Listens to the program, for as long as the page is there, and comes back when the stream was lost. */
export const useConnection = (): Connection => {
  const [status, setStatus] = useState<Status>()
  const [lostSince, setLostSince] = useState<number>()
  const [history] = useState(() => new History())
  useEffect(() => {
    let source: EventSource | undefined
    let retry: ReturnType<typeof setTimeout> | undefined
    let heardAt = performance.now()
    const lose = () => setLostSince((since) => since ?? heardAt)
    const open = () => {
      source?.close()
      heardAt = performance.now()
      source = new EventSource("status/stream")
      source.addEventListener("message", ({ data }: MessageEvent<string>) => {
        heardAt = performance.now()
        const told = JSON.parse(data) as Status
        history.add(told)
        setStatus(told)
        setLostSince(undefined)
      })
      source.addEventListener("error", () => {
        lose()
        source?.close()
        clearTimeout(retry)
        retry = setTimeout(open, retryMs)
      })
    }
    open()
    const watch = setInterval(() => {
      if (performance.now() - heardAt < silenceMs) return
      lose()
      open()
    }, 1000)
    return () => {
      source?.close()
      clearTimeout(retry)
      clearInterval(watch)
    }
  }, [history])
  return { status, history, lostSince }
}

/** A number that changes with every second, for ages that grow while nothing comes. */
export const useSecond = (): number => {
  const [second, setSecond] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setSecond((now) => now + 1), 1000)
    return () => clearInterval(timer)
  }, [])
  return second
}
