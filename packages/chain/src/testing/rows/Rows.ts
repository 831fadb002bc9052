/** A test: the steps before, the steps that are watched, what they tell, and where they leave the heads. */
export interface Row {
  readonly title: string
  readonly before?: string
  readonly steps: string
  readonly told: ReadonlyArray<string>
  readonly heads: string
}

/** What the verbs do. */
export const rows: ReadonlyArray<Row> = [
  { title: "a block on the head moves the head", steps: "g-a-b", told: ["+a", "+b"], heads: "b g g g g" },
  {
    title: "a known block is accepted silently",
    before: "g-a-b",
    steps: "g-a; g-a-b",
    told: [],
    heads: "b g g g g"
  },
  {
    title: "a fork that is not longer is only told",
    before: "g-a-b",
    steps: "g-c-d",
    told: ["+c", "+d"],
    heads: "b g g g g"
  },
  {
    title: "a fork that becomes longer takes over: cut first, then block by block",
    before: "g-a-b-c, a-d-e; CrossUnsafe b",
    steps: "e-f",
    told: ["-c b =a", "+d", "+e", "+f"],
    heads: "f a g g g"
  },
  {
    title: "no fork takes over from below the local-safe head",
    before: "g-a-b; LocalSafe b",
    steps: "g-c-d-e-f",
    told: ["+c", "+d", "+e", "+f"],
    heads: "b g b g g"
  },
  {
    title: "heads climb the ladder one by one, cross-safe lifting cross-unsafe",
    before: "g-a-b-c",
    steps: "LocalSafe b; CrossSafe b; Finalized a",
    told: ["LocalSafe b <L0", "CrossUnsafe b", "CrossSafe b", "Finalized a"],
    heads: "c b b b a"
  },
  {
    title: "promoting to where a head is, or below, is silent",
    before: "g-a-b-c; finalize b; CrossUnsafe c",
    steps: "LocalSafe a; CrossSafe a; CrossUnsafe b; Finalized b; LocalUnsafe a",
    told: [],
    heads: "c c b b b"
  },
  {
    title: "revert takes canonical blocks away, and heads with them",
    before: "g-a-b-c-d; LocalSafe c; CrossSafe b",
    steps: "revert b",
    told: ["-d c =b"],
    heads: "b b b b g"
  },
  {
    title: "after a revert the longer removed branch stays away, growing or not",
    before: "g-a-b-c-d; revert b",
    steps: "d-e-f; b-x",
    told: ["+e", "+f", "+x"],
    heads: "x g g g g"
  },
  {
    title: "a removed block comes back when it is imported again on the head",
    before: "g-a-b-c; revert a",
    steps: "a-b; b-c",
    told: ["+b", "+c"],
    heads: "c g g g g"
  },
  {
    title: "a commanded revert restarts derivation at the source of the local-safe head",
    before: "g-a-b-c; provide 1; LocalSafe a; provide 2; LocalSafe b",
    steps: "command a",
    told: ["-c b =a commanded", "L1 done a"],
    heads: "a g a g g"
  },
  {
    title: "revert may change to another branch",
    before: "g-a-b-c, a-d-e",
    steps: "command e",
    told: ["-c b =a commanded", "+d", "+e", "L0 done g"],
    heads: "e g g g g"
  },
  {
    title: "a blacklisted block takes its descendants with it, on all forks",
    before: "g-a-b-c, b-d; LocalSafe c",
    steps: "blacklist b",
    told: ["-d c b =a"],
    heads: "a g a g g"
  },
  {
    title: "a blacklisted fork is cleared away without touching a head",
    before: "g-a-b, g-c-d",
    steps: "blacklist c",
    told: ["-d c =b commanded"],
    heads: "b g g g g"
  },
  {
    title: "blacklisting twice is silent",
    before: "g-a-b; blacklist b",
    steps: "blacklist b",
    told: [],
    heads: "a g g g g"
  },
  {
    title: "a replacement becomes every head but the final one",
    before: "g-a-b-c-d, a-x; provide 1; finalize a; LocalSafe b; provide 2; LocalSafe c",
    steps: "invalidate b",
    told: ["b>b' -d c b", "L1 done b'"],
    heads: "b' b' b' b' a"
  },
  {
    title: "the chain goes on after a replacement",
    before: "g-a-b-c; invalidate b",
    steps: "b'-d; CrossUnsafe d",
    told: ["+d", "CrossUnsafe d"],
    heads: "d d b' b' g"
  },
  {
    title: "invalidating twice gives the same replacement, silently",
    before: "g-a-b; invalidate b; b'-c",
    steps: "invalidate b",
    told: [],
    heads: "c b' b' b' g"
  }
]

/** Steps that must fail, and the reason. */
export const refusals: ReadonlyArray<readonly [title: string, before: string, step: string, reason: string]> =
  [
    ["an unknown block cannot be promoted", "g-a", "LocalSafe z", "UnknownBlock"],
    ["a block on a fork cannot become safe", "g-a-b, g-c", "LocalSafe c", "NotDescendant"],
    ["cross-safe cannot pass local-safe", "g-a-b; LocalSafe a", "CrossSafe b", "NotDescendant"],
    ["finalized cannot pass cross-safe", "g-a-b; LocalSafe b; CrossSafe a", "Finalized b", "NotDescendant"],
    ["what is final cannot be reverted", "g-a-b; finalize b", "revert a", "Finalized"],
    ["what is final cannot be blacklisted", "g-a-b; finalize b", "blacklist a", "Finalized"],
    ["what is final cannot be invalidated", "g-a-b; finalize b", "invalidate b", "Finalized"],
    ["no fork may start below finality", "g-a-b; finalize b", "a-c", "Finalized"],
    ["a blacklisted block cannot come back", "g-a-b; blacklist b", "a-b", "Invalidated"],
    ["a blacklisted block cannot be promoted", "g-a-b; blacklist b", "LocalSafe b", "Invalidated"],
    ["a replaced block cannot come back", "g-a-b-c; invalidate b", "a-b", "Invalidated"],
    ["an unknown block cannot be invalidated", "g-a", "invalidate z", "UnknownBlock"],
    ["a fork cannot be replaced", "g-a-b, g-c", "invalidate c", "NotDescendant"],
    ["a blacklisted block cannot be replaced", "g-a-b; blacklist b", "invalidate b", "Invalidated"]
  ]
