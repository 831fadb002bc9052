/** What the outside knows of a coordinator that is killed again and again, and what has to be true when it is back. */
import { assert } from "@effect/vitest"
import { SessionWindow } from "@ephor/disputes"

/** What a coordinator finds on disk, and what it does about it, before anything new happens. */
export interface Found {
  readonly recent: ReadonlyArray<readonly [name: string, status: string]>
  readonly records: ReadonlyArray<{
    readonly name: string
    readonly valid: ReadonlyArray<number>
    readonly invalid: ReadonlyArray<number>
    /** How often each voter's list by validator has the candidate. */
    readonly listed: ReadonlyArray<number>
  }>
  /** Disputes that our opinion is asked for, and those that others are told our vote in. */
  readonly asked: ReadonlyArray<string>
  readonly told: ReadonlyArray<string>
}

/** A line of the victim. */
export type Line =
  | { readonly found: Found }
  | { readonly acknowledged: ReadonlyArray<string> }
  | { readonly session: number }

const sessionOf = (name: string) => Number(name.slice(0, name.indexOf("/")))

/** Everything that one directory has seen. */
export class History {
  /** Votes that somebody was told are stored. */
  readonly acknowledged = new Set<string>()
  session = 10
  lives = 0

  /** Takes what the victim says; checks what it found. */
  hear(line: Line, why: string): void {
    if ("acknowledged" in line) for (const vote of line.acknowledged) this.acknowledged.add(vote)
    else if ("session" in line) this.session = line.session
    else {
      this.lives++
      this.#check(line.found, why)
    }
  }

  #check({ asked, recent, records, told }: Found, why: string): void {
    const oldest = SessionWindow.oldestSession(this.session)
    const statuses = new Map(recent)
    assert.strictEqual(statuses.size, recent.length, `${why}: each dispute is listed once`)
    const decided = new Set(
      recent.flatMap(([name, status]) => (status.startsWith("Concluded") ? [sessionOf(name)] : []))
    )
    const found = new Set<string>()
    for (const { invalid, listed, name, valid } of records) {
      if (sessionOf(name) < oldest) continue
      for (const [side, voters] of [
        ["Valid", valid],
        ["Invalid", invalid]
      ] as const) {
        assert.deepStrictEqual(
          voters,
          [...new Set(voters)].sort((a, b) => a - b),
          `${why}: ${name} counted once`
        )
        for (const voter of voters) found.add(`${name}/${side}/${voter}`)
      }
      assert.isTrue(
        listed.every((times) => times === 1),
        `${why}: ${name} is in the list of each voter, once`
      )
      // Ten validators, three of whom may be faulty: seven are a supermajority.
      const isDisputed = valid.length > 0 && invalid.length > 0
      const status = statuses.get(name)
      const isConfirmed = isDisputed && new Set([...valid, ...invalid]).size > 3
      // Who has lost a dispute of the session is not listened to alone: what only such validators raised may be dropped.
      const mayBeDropped = isDisputed && !isConfirmed && decided.has(sessionOf(name))
      if (status === undefined) assert.isTrue(!isDisputed || mayBeDropped, `${why}: ${name} is a dispute`)
      if (status === undefined || mayBeDropped) continue
      assert.isTrue(isDisputed, `${why}: ${name} is no dispute`)
      const expected =
        invalid.length >= 7
          ? "ConcludedAgainst"
          : valid.length >= 7
            ? "ConcludedFor"
            : isConfirmed
              ? "Confirmed"
              : "Active"
      assert.strictEqual(status, expected, `${why}: ${name}`)
      const isOurs = [...valid, ...invalid].includes(0)
      assert.isTrue((isOurs ? told : asked).includes(name), `${why}: ${name} goes on`)
    }
    for (const name of statuses.keys())
      assert.isTrue(
        records.some((record) => record.name === name),
        `${why}: ${name} has its votes`
      )
    for (const vote of this.acknowledged) {
      if (sessionOf(vote) < oldest) this.acknowledged.delete(vote)
      else assert.isTrue(found.has(vote), `${why}: ${vote} was acknowledged`)
    }
  }
}
