/** The DAG and its streams. */
import * as Bcs from "../codec/Bcs.ts"
import * as Dag from "../Dag.ts"
import { DagCommittee } from "../DagCommittee.ts"
import { blake2b256 } from "../Hashing.ts"
import * as Observer from "../Observer.ts"
import { family } from "./Family.ts"

/** Blocks and commits of the DAG. */
export const dag = family(["bcs", "json"], {
  DagCommitRef: Dag.DagCommitRef,
  DagTransactionVotes: Dag.DagTransactionVotes,
  DagMisbehaviorReport: Dag.DagMisbehaviorReport,
  DagBlock: [Dag.DagBlock, (value) => blake2b256(Bcs.encode(Dag.DagBlock)(value))],
  SignedDagBlock: [Dag.SignedDagBlock, (value) => Dag.dagBlockDigest(Bcs.encode(Dag.SignedDagBlock)(value))],
  DagCommit: [Dag.DagCommit, Dag.dagCommitDigest],
  DagCommittee
})

/** What the observer API carries. */
export const streamed = [
  ...family(["bcs", "proto", "json"], { DagBlockRef: Dag.DagBlockRef }),
  ...family(["proto", "json"], {
    CommittedSubDag: Dag.CommittedSubDag,
    BlockStreamRequest: Observer.BlockStreamRequest,
    BlockStreamResponse: Observer.BlockStreamResponse,
    CommitStreamRequest: Observer.CommitStreamRequest,
    CommitStreamResponse: Observer.CommitStreamResponse,
    "BlockStreamRequest(extended)": Observer.ExtendedBlockStreamRequest,
    "BlockStreamResponse(extended)": Observer.ExtendedBlockStreamResponse,
    "CommitStreamRequest(extended)": Observer.ExtendedCommitStreamRequest,
    "CommitStreamResponse(extended)": Observer.ExtendedCommitStreamResponse,
    FetchBlocksRequest: Observer.FetchBlocksRequest,
    FetchBlocksResponse: Observer.FetchBlocksResponse,
    ReplayInfo: Observer.ReplayInfo,
    PublisherPath: Observer.PublisherPath
  })
]
