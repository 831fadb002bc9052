/** Disputes as bars of votes against the line that decides, slashes, and governance mode. */
import type { Dispute, Status } from "@ephor/cli/Status"
import { Panel } from "../parts/Panel.tsx"
import { short } from "../parts/Words.ts"

/** Bars are drawn in hundred parts, as classes and attributes: the policy of the page knows no styles in attributes. */
const Bar = ({
  dispute: { candidateHash, invalid, state, valid },
  supermajority,
  validators
}: {
  readonly dispute: Dispute
  readonly validators: number
  readonly supermajority: number
}) => {
  const part = (count: number) => (validators === 0 ? 0 : (100 * count) / validators)
  return (
    <li data-dispute={state}>
      <span class="quiet" title={candidateHash}>
        {short(candidateHash)}
      </span>{" "}
      {state}: {invalid.length} against, {valid.length} for
      <svg
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${invalid.length} of ${validators} votes against, ${valid.length} for; ${supermajority} decide`}
      >
        <rect class="bar-back" width="100" height="8" />
        <rect class="bar-against" width={part(invalid.length)} height="8" />
        <rect class="bar-for" x={100 - part(valid.length)} width={part(valid.length)} height="8" />
        <line class="bar-line" x1={part(supermajority)} x2={part(supermajority)} y1="0" y2="8" />
      </svg>
    </li>
  )
}

/** What a node knows about disputes; `of` names it, where the page shows several. */
export const Disputes = ({
  of,
  status: { courtroom }
}: {
  readonly status: Status
  readonly of?: string | undefined
}) => {
  if (courtroom === undefined) return null
  const { disputes, governance, slashes, supermajority, validators } = courtroom
  return (
    <Panel
      id={of === undefined ? "disputes" : `disputes-${of.replaceAll(" ", "-")}`}
      title={of === undefined ? "Disputes" : `Disputes at ${of}`}
      note={`${supermajority} of ${validators} votes decide`}
      tone={governance === undefined ? undefined : "bad"}
    >
      {governance === undefined ? null : (
        <div class="frozen" role="alert" data-governance="true">
          <p>
            Governance mode: something invalid is final, and validator {governance.validators.join(", ")}{" "}
            waits for people. When they have decided:
          </p>
          <code>{governance.command}</code>
        </div>
      )}
      {disputes.length === 0 ? (
        <p class="quiet">none</p>
      ) : (
        <ul class="disputes">
          {disputes.map((dispute) => (
            <Bar
              key={`${dispute.session} ${dispute.candidateHash}`}
              dispute={dispute}
              supermajority={supermajority}
              validators={validators}
            />
          ))}
        </ul>
      )}
      <h3>Slashes</h3>
      {slashes.length === 0 ? (
        <p class="quiet">none</p>
      ) : (
        <ul class="warnings">
          {slashes.toReversed().map(({ candidateHash, kind, number, validator }) => (
            <li key={`${validator} ${kind} ${candidateHash}`}>
              validator {validator}, {kind}, block {number}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
