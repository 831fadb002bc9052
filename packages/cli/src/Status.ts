/**
 * What a program tells at `/status` about itself and what it runs: plain data, made by the programs and read by the
 * console. A part that a program does not have is missing.
 */

/** Which program it is. */
export interface Program {
  readonly name: string
  readonly version: string
  /** What it does here, in words: `sequencer of chain 901`. */
  readonly role: string
  readonly uptimeSeconds: number
}

/** A line of the log that somebody should have read. */
export interface Warning {
  /** Unix time in milliseconds. */
  readonly time: number
  readonly level: string
  readonly message: string
}

/** The process itself. */
export interface Process {
  readonly pid: number
  readonly residentBytes: number
  readonly heapBytes: number
  /** CPU time of the process so far, user and system, in milliseconds. */
  readonly cpuMs: number
  /** How late the event loop was in the last interval: its 99th percentile and its worst, in milliseconds. */
  readonly delayMs: { readonly p99: number; readonly max: number }
  /** Batches of writes so far, and how long they took together in milliseconds. */
  readonly store?: { readonly batches: number; readonly totalMs: number } | undefined
  /** Pages that are open at this port. */
  readonly streams: number
  /** The last warnings and errors, oldest first. */
  readonly warnings: ReadonlyArray<Warning>
}

/** The head of a level of safety. */
export interface Head {
  readonly number: number
  readonly hash: string
  /** Unix time in seconds; missing where only the height is known. */
  readonly timestamp?: number | undefined
}

/** The levels of safety, the youngest first. */
export const levels = ["localUnsafe", "crossUnsafe", "localSafe", "crossSafe", "finalized"] as const
/** The name of a level. */
export type Level = (typeof levels)[number]

/** The five heads of a chain. */
export interface Ladder {
  readonly chainId: string
  readonly heads: { readonly [Name in Level]?: Head | undefined }
}

/** What became of a block. */
export type Fate = "canonical" | "reverted" | "replaced"

/** A block of the last heights. */
export interface StripBlock {
  readonly number: number
  readonly hash: string
  readonly parentHash: string
  readonly timestamp: number
  readonly fate: Fate
  /** It stands where an invalid one was. */
  readonly isReplacement: boolean
  /** Candidates that it backs, and that it includes. */
  readonly backed: number
  readonly included: number
  /** A candidate in it is, or was, disputed. */
  readonly isDisputed: boolean
}

/** Messages from one chain that blocks of another one execute. */
export interface Messages {
  readonly from: string
  readonly to: string
  readonly count: number
}

/** A chain as its supervisor sees it. */
export interface SupervisedChain {
  readonly chainId: string
  /** What the next promotion waits for, if it does. */
  readonly waits?: { readonly why: string; readonly on?: string | undefined } | undefined
  /** The L1 block that derivation is at. */
  readonly l1?: number | undefined
}

/** An invalid block, and why. */
export interface Invalidation {
  readonly chainId: string
  readonly number: number
  readonly hash: string
  readonly why: string
}

/** What a supervisor does. */
export interface Supervision {
  readonly chains: ReadonlyArray<SupervisedChain>
  readonly messages: ReadonlyArray<Messages>
  /** The last ones, oldest first. */
  readonly invalidations: ReadonlyArray<Invalidation>
  readonly nodes: { readonly [name: string]: string }
  readonly finalizedL1?: number | undefined
  readonly isFailsafe: boolean
  readonly isStopped: boolean
}

/** A dispute and who voted. */
export interface Dispute {
  readonly session: number
  readonly candidateHash: string
  readonly state: string
  /** Positions of the validators. */
  readonly valid: ReadonlyArray<number>
  readonly invalid: ReadonlyArray<number>
}

/** A validator that lost a dispute. */
export interface Slashed {
  readonly validator: number
  readonly kind: string
  readonly candidateHash: string
  readonly number: number
}

/** What a node knows about disputes. */
export interface Courtroom {
  readonly validators: number
  /** Votes that decide: two thirds and one more. */
  readonly supermajority: number
  /** The last ones, newest first. */
  readonly disputes: ReadonlyArray<Dispute>
  readonly slashes: ReadonlyArray<Slashed>
  /** Validators of this process that wait for people, and the command that ends it. */
  readonly governance?: { readonly validators: ReadonlyArray<number>; readonly command: string } | undefined
}

/** A validator of the chain. */
export interface ValidatorView {
  readonly index: number
  readonly group?: number | undefined
  readonly isOwn: boolean
  readonly isDisabled: boolean
  /** Made to misbehave by the specification of a development chain. */
  readonly isFaulty: boolean
}

/** A connected peer. */
export interface PeerView {
  readonly id: string
  /** The validator that it has proved to be. */
  readonly validator?: number | undefined
  readonly reputation: number
}

/** An observer, as who runs it sees it. */
export interface ObserverView {
  readonly chainId: string
  readonly mode: string
  readonly commits: number
  readonly blocks: number
  readonly lag: number
  readonly isVerified: boolean
}

/** Streams for observers, as their publisher sees them. Counts grow. */
export interface Publishing {
  readonly sessions: number
  readonly streams: { readonly [name: string]: number }
  readonly responses: { readonly [name: string]: number }
  readonly sentBytes: number
}

/** A subsystem and its mailbox. Counts grow, all validators of the process together. */
export interface SubsystemView {
  readonly name: string
  readonly sendsTo: ReadonlyArray<string>
  readonly received: number
  readonly blocked: number
  readonly waiting: number
}

/** What a program runs; each program tells the parts that it has. */
export interface Parts {
  /** Unix time of what happened last, in milliseconds. */
  readonly lastEventTime?: number | undefined
  readonly ladders?: ReadonlyArray<Ladder> | undefined
  /** Of the last heights, lowest first. */
  readonly strip?: ReadonlyArray<StripBlock> | undefined
  readonly supervision?: Supervision | undefined
  readonly courtroom?: Courtroom | undefined
  readonly validators?: ReadonlyArray<ValidatorView> | undefined
  readonly peers?: ReadonlyArray<PeerView> | undefined
  readonly observers?: ReadonlyArray<ObserverView> | undefined
  readonly publishing?: Publishing | undefined
  readonly subsystems?: ReadonlyArray<SubsystemView> | undefined
}

/** A process of a devnet. */
export interface Member {
  readonly name: string
  readonly kind: "node" | "supervisor" | "validator" | "l1"
  readonly isUp: boolean
  readonly pid: number
  readonly restarts: number
  /** What it tells, unless it does not answer. */
  readonly status?: Status | undefined
}

/** What the buttons of a devnet do. */
export interface Actions {
  /** Names of the processes that can be killed. */
  readonly kill: ReadonlyArray<string>
  /** Chains that can be offered an invalid candidate. */
  readonly garbage: ReadonlyArray<string>
  /** Chains that can send a message. */
  readonly message: ReadonlyArray<string>
  /** Whether L1 is running, if it can be stopped. */
  readonly l1?: boolean | undefined
}

/** The whole of it. */
export interface Status extends Parts {
  readonly program: Program
  /** When it was told: Unix time in milliseconds. */
  readonly time: number
  /** Why it is not ready, by part; empty when it is. */
  readonly problems: { readonly [name: string]: string }
  readonly process: Process
  /** The processes of a devnet. */
  readonly members?: ReadonlyArray<Member> | undefined
  readonly actions?: Actions | undefined
}
