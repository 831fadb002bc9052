/**
 * A collator with a process of its own: follows the committee's chain as anybody may, makes a candidate at each block, and
 * advertises it to the validators that it is connected with.
 */
import { Collating, Collator } from "@ephor/backing"
import { Keystore } from "@ephor/keystore"
import { Effect, Layer, Schema, Stream } from "effect"
import * as ChainSpec from "../ChainSpec.ts"
import { readSecret } from "../KeyFile.ts"
import type { Config } from "./CollateCommand.ts"
import * as Stranger from "./Stranger.ts"

/** The settings contradict the chain specification; the message says what to change. */
export class CollateError extends Schema.TaggedError<CollateError>()("CollateError", {
  message: Schema.String
}) {}

const log = (report: Collating.Report) => {
  const { candidateHash: candidate, validator } = report
  if (report._tag === "Seconded") return Effect.logInfo("a candidate was seconded", { candidate, validator })
  switch (report.why._tag) {
    case "Invalid":
      return Effect.logError("a candidate was found invalid: this validator does not listen any longer", {
        candidate,
        validator
      })
    case "Banned":
      return Effect.logError("this collator is banned: wait, or offer what is valid under another key", {
        validator,
        seconds: report.why.value
      })
    case "Full":
      return Effect.logWarning("a validator has no place for one more collator", {
        validator,
        para: report.why.value
      })
  }
}

const run = (config: Config) =>
  Effect.gen(function* () {
    const { publicKeys } = yield* Keystore.Keystore
    const collator = publicKeys[0]!
    const paraId = config.para
    const collating = yield* Collating.make({ collator, paras: [paraId] })
    yield* Stream.runForEach(collating.reports, log).pipe(Effect.forkScoped({ startImmediately: true }))
    const { garbageEvery } = config
    yield* Layer.build(Collator.layer({ paraId, collator, garbageEvery, offer: collating.advertise }))
    yield* Effect.logInfo("the collator is running", { para: paraId, collator })
    return yield* Effect.never
  })

/** Collates by its settings until it is interrupted. */
export const collate = Effect.fn("collate")(function* (config: Config) {
  const { chainSpec, dataDir, para, to } = config
  const spec = yield* ChainSpec.read(chainSpec)
  if (to.length === 0) {
    return yield* new CollateError({
      message: "no validator to collate to: give --to ADDRESS, such as /ip4/127.0.0.1/tcp/30333"
    })
  }
  if (!spec.paras.includes(para)) {
    return yield* new CollateError({
      message: `parachain ${para} is not in ${chainSpec}, which has ${spec.paras.join(", ")}: correct --para`
    })
  }
  const secret = yield* readSecret(config.collatorKey)
  return yield* Effect.scoped(run(config)).pipe(
    Effect.provide(
      Layer.merge(Stranger.layer({ chainSpec, dataDir, to }), Keystore.layerSr25519({ secrets: [secret] }))
    ),
    Effect.annotateLogs({ chain: spec.chainId })
  )
})
