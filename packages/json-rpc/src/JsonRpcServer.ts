/**
 * The answering half of JSON-RPC: one frame in, at most one frame out. Transports and methods are plugged in.
 */
import { Cause, Effect, Metric } from "effect"
import {
  errors,
  formatBatch,
  formatError,
  formatResult,
  holdsMoreThan,
  type Message,
  parse,
  positional,
  type RpcError
} from "./JsonRpc.ts"
import * as Metrics from "./Metrics.ts"

/** Carries out one call: the JSON of the result, or the error to answer. */
export type Dispatch = (method: string, params: unknown) => Effect.Effect<unknown, RpcError>

/** Hands a frame to a connection; `false` if it no longer takes any. */
export type Send = (frame: string) => boolean

/** One connection that can be notified. */
export interface Session {
  /** Carries out what a frame asks for and sends the answer; `false` means: close the connection now. */
  readonly receive: (frame: string) => Effect.Effect<boolean>
  /** To be called when the connection is gone. */
  readonly close: () => void
}

/** Opens a session. */
export type Open = (send: Send) => Session

/** Bounds of what one frame may ask for. */
export interface Limits {
  /** Messages in a batch. */
  readonly batchItems: number
  /** Characters that the answers of a batch may have together; the calls after that are answered with an error. */
  readonly batchResponseLength: number
  /** Brackets, braces and commas of a frame; one with more is answered as if it were no JSON, and is not parsed. */
  readonly frameValues: number
}

/** 1000 messages and 25 000 000 characters, as go-ethereum has it; each message may hold 200 values, or one all of them. */
export const defaults: Limits = { batchItems: 1000, batchResponseLength: 25_000_000, frameValues: 200_000 }

/** What to do after a frame. */
export interface Answer {
  /** To be sent, if there is anything to say. */
  readonly text: string | undefined
  /** The frame was not JSON: a connection should be closed after the answer. */
  readonly fatal: boolean
}

const perform = (dispatch: Dispatch, method: string, params: unknown) =>
  Effect.catchCause(dispatch(method, params), (cause): Effect.Effect<never, RpcError> => {
    const failure = cause.reasons.find(Cause.isFailReason)
    if (failure !== undefined) return Effect.fail(failure.error)
    return Cause.hasInterrupts(cause)
      ? Effect.failCause(cause as Cause.Cause<never>)
      : Effect.andThen(
          Effect.logError("a method handler crashed", { method }, cause),
          Effect.fail(errors.crashed)
        )
  })

const counted = (answer: string, isFailure: boolean) =>
  Effect.as(
    isFailure
      ? Effect.andThen(Metric.update(Metrics.calls, 1), Metric.update(Metrics.failures, 1))
      : Metric.update(Metrics.calls, 1),
    answer
  )

/** The answer to one message; notifications and responses get none. */
const answerMessage = (message: Message, dispatch: Dispatch): Effect.Effect<string | undefined> => {
  switch (message._tag) {
    case "Success":
    case "Failure":
      return Effect.undefined
    case "Call":
      return Effect.matchEffect(perform(dispatch, message.method, message.params), {
        onSuccess: (result) => counted(formatResult(message.id, result), false),
        onFailure: (error) => counted(formatError(message.id, error), true)
      })
    case "Notification":
      return Effect.as(Effect.ignore(perform(dispatch, message.method, message.params)), undefined)
    case "Invalid":
      return Effect.succeed(formatError(message.id, errors.invalidRequest))
  }
}

const answerBatch = Effect.fnUntraced(function* (
  messages: ReadonlyArray<Message>,
  dispatch: Dispatch,
  limits: Limits
) {
  if (messages.length === 0) return formatError(null, errors.emptyBatch)
  const answers: Array<string> = []
  let length = 0
  for (const message of messages) {
    if (length > limits.batchResponseLength) {
      if (message._tag === "Call") answers.push(formatError(message.id, errors.responseTooLarge))
      continue
    }
    const answer = yield* answerMessage(message, dispatch)
    if (answer === undefined) continue
    answers.push(answer)
    length += answer.length
  }
  return answers.length === 0 ? undefined : formatBatch(answers)
})

/** The answer to a frame: calls of a batch are carried out one after the other. */
export const answer = (frame: string, dispatch: Dispatch, limits: Limits): Effect.Effect<Answer> => {
  const parsed = holdsMoreThan(frame, limits.frameValues) ? undefined : parse(frame, limits.batchItems)
  if (parsed === undefined) return Effect.succeed({ text: formatError(null, errors.parse), fatal: true })
  switch (parsed._tag) {
    case "Single":
      return Effect.map(answerMessage(parsed.message, dispatch), (text) => ({ text, fatal: false }))
    case "Batch":
      return Effect.map(answerBatch(parsed.messages, dispatch, limits), (text) => ({ text, fatal: false }))
    case "BatchTooLarge":
      return Effect.succeed({
        text: formatBatch([formatError(parsed.id, errors.batchTooLarge)]),
        fatal: false
      })
  }
}

/** Version of a server whose program has none, as Go programs print it. */
export const defaultVersion = "v0.0.0"

/** `health_status` and `rpc_modules`, which every server has, before the methods of a program and its name spaces. */
export const withCommon =
  (modules: ReadonlyArray<string>, version: string, dispatch: Dispatch): Dispatch =>
  (method, params) => {
    if (method !== "rpc_modules" && method !== "health_status") return dispatch(method, params)
    const parsed = positional(params, 0, 0)
    if ("error" in parsed) return Effect.fail(parsed.error)
    const names = [...modules, "health", "rpc"].toSorted()
    return Effect.succeed(
      method === "health_status" ? version : Object.fromEntries(names.map((name) => [name, "1.0"]))
    )
  }
