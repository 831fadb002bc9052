/** What the relay chain holds and tells. */
import { executorParamsHash, ExecutorParam, ExecutorParams } from "../ExecutorParams.ts"
import * as Inherent from "../Inherent.ts"
import * as Session from "../Session.ts"
import { family } from "./Family.ts"

/** See the head of the file. */
export const runtime = family(["scale", "json"], {
  Header: [Inherent.Header, Inherent.headerHash],
  DigestItem: Inherent.DigestItem,
  ConsensusLog: Inherent.ConsensusLog,
  InherentData: Inherent.InherentData,
  SessionInfo: Session.SessionInfo,
  ScheduledCore: Session.ScheduledCore,
  OccupiedCore: Session.OccupiedCore,
  CoreState: Session.CoreState,
  OccupiedCoreAssumption: Session.OccupiedCoreAssumption,
  GroupRotationInfo: Session.GroupRotationInfo,
  CandidateEvent: Session.CandidateEvent,
  ScrapedOnChainVotes: Session.ScrapedOnChainVotes,
  PvfCheckStatement: Session.PvfCheckStatement,
  ExecutorParam,
  ExecutorParams: [ExecutorParams, executorParamsHash]
})
