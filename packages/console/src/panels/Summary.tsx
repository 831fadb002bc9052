/** The head of a page: which program, whether it is well, and when something happened last. */
import type { Status } from "@ephor/cli/Status"
import { duration } from "../parts/Words.ts"

/** Seconds since the last event from which on one should look, and from which on something is wrong. */
const lateSeconds = 10
const deadSeconds = 30

/** Seconds since something happened. */
export const silenceOf = ({ lastEventTime, time }: Status): number | undefined =>
  lastEventTime === undefined ? undefined : Math.max(0, (time - lastEventTime) / 1000)

/** How worried one should be about a program. */
export const toneOf = (status: Status | undefined): "good" | "warn" | "bad" => {
  if (status === undefined) return "bad"
  const silence = silenceOf(status) ?? 0
  if (Object.keys(status.problems).length > 0 || silence >= deadSeconds) return "bad"
  return silence >= lateSeconds ? "warn" : "good"
}

const silenceTone = (seconds: number) =>
  seconds >= deadSeconds ? "bad" : seconds >= lateSeconds ? "warn" : "good"

/** The head. */
export const Summary = ({
  staleSeconds,
  status
}: {
  readonly status: Status
  readonly staleSeconds: number
}) => {
  const { name, role, uptimeSeconds, version } = status.program
  const problems = Object.entries(status.problems)
  const told = silenceOf(status)
  const silence = told === undefined ? undefined : told + staleSeconds
  return (
    <section class="summary panel wide" aria-labelledby="summary-title" data-panel="summary">
      <div>
        <h2 id="summary-title">{role}</h2>
        <p class="note">
          {name} {version}, up for {duration(uptimeSeconds)}
        </p>
      </div>
      <div class="badges">
        {problems.length === 0 ? (
          <span class="badge good" data-ready="true">
            ready
          </span>
        ) : (
          <span class="badge bad" data-ready="false">
            not ready
          </span>
        )}
        {silence === undefined ? null : (
          <span class={`badge ${silenceTone(silence)}`} data-silence={silenceTone(silence)}>
            last event {duration(silence)} ago
          </span>
        )}
      </div>
      {problems.length === 0 ? null : (
        <ul class="problems">
          {problems.map(([part, why]) => (
            <li key={part}>
              <strong>{part}</strong>: {why}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
