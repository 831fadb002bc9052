/** Blocks, safety and messages of rollups. */
import { Access, ExecutingDescriptor } from "../AccessList.ts"
import * as Block from "../Block.ts"
import { ExecutingMessage, Identifier } from "../ExecutingMessage.ts"
import { ManagedEvent, ManagedEventItem } from "../ManagedEvent.ts"
import * as Output from "../Output.ts"
import * as Primitives from "../Primitives.ts"
import * as Receipt from "../Receipt.ts"
import { Heads, MinimumSafety, SafetyLevel } from "../SafetyLevel.ts"
import * as Status from "../SyncStatus.ts"
import { family, list } from "./Family.ts"

/** See the head of the file. */
export const rollup = family(["json"], {
  BlockId: Block.BlockId,
  BlockSeal: Block.BlockSeal,
  "BlockSeal(before June 2025)": Block.CapitalizedBlockSeal,
  BlockRef: Block.BlockRef,
  L2BlockRef: Block.L2BlockRef,
  DerivedBlockRefPair: Block.DerivedBlockRefPair,
  DerivedIdPair: Block.DerivedIdPair,
  BlockReplacement: Block.BlockReplacement,
  ChainId: Primitives.ChainId,
  SafetyLevel,
  MinimumSafety,
  Heads,
  ManagedEvent,
  ManagedEventItem,
  Log: Receipt.Log,
  Receipt: Receipt.Receipt,
  Receipts: list(Receipt.Receipt),
  Identifier,
  ExecutingMessage,
  Access,
  ExecutingDescriptor,
  OutputV0: [Output.OutputV0, Output.outputRoot],
  SuperV1: [Output.SuperV1, Output.superRoot],
  ChainStatus: Status.ChainStatus,
  SyncStatus: Status.SyncStatus,
  SuperRootResponse: Status.SuperRootResponse
})
