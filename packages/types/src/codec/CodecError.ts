/**
 * The one error of this package: bytes, JSON or logs that are not what their type says.
 */
import { Result, Schema } from "effect"

/**
 * What is wrong with the input, for callers that treat kinds of fault differently (a peer's reputation,
 * say).
 */
export const CodecFault = Schema.Literals([
  "Truncated",
  "Trailing",
  "NotCanonical",
  "OutOfRange",
  "UnknownVariant",
  "Malformed",
  "TooDeep"
])
export type CodecFault = typeof CodecFault.Type

/**
 * A value could not be read from, or written to, a wire form. `path` leads to the culprit inside the value,
 * `offset` is the byte at which reading stopped (absent for JSON and for writing), `expected` says what would
 * have been right.
 */
export class CodecError extends Schema.TaggedError<CodecError>()("CodecError", {
  wire: Schema.String,
  direction: Schema.Literals(["decode", "encode"]),
  fault: CodecFault,
  path: Schema.Array(Schema.Union([Schema.String, Schema.Int])),
  offset: Schema.optionalKey(Schema.Int),
  expected: Schema.String
}) {
  override get message(): string {
    const where = this.path.reduce<string>(
      (text, step) =>
        typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`,
      ""
    )
    const at = this.offset === undefined ? "" : ` at byte ${this.offset}`
    const verb = this.direction === "decode" ? "cannot read" : "cannot write"
    return `${this.wire}: ${verb} ${where === "" ? "value" : where}${at}: expected ${this.expected}`
  }
}

/**
 * What layouts throw while they run: cheap to make, gathers the path as it travels up, and becomes a
 * `CodecError` at the entry point. Only code that defines its own layouts needs it.
 */
export class Fault {
  readonly path: Array<string | number> = []
  readonly fault: CodecFault
  readonly expected: string
  readonly offset: number | undefined
  constructor(fault: CodecFault, expected: string, offset?: number) {
    this.fault = fault
    this.expected = expected
    this.offset = offset
  }
}

/** Notes one more step of the path on a fault that passes by, and hands it back to be thrown on. */
export const within = (error: unknown, step: string | number): unknown => {
  if (error instanceof Fault) error.path.unshift(step)
  return error
}

/** The public form of a fault; anything else is a defect of ours and travels on untouched. */
export const toCodecError = (error: unknown, wire: string, direction: "decode" | "encode"): CodecError => {
  if (error instanceof CodecError) return error
  if (!(error instanceof Fault)) throw error
  const { expected, fault, offset, path } = error
  return new CodecError({
    wire,
    direction,
    fault,
    path,
    expected,
    ...(offset === undefined ? {} : { offset })
  })
}

/** Runs a reader that throws faults, and gives its outcome as a value. */
export const attemptDecode = <A>(wire: string, read: () => A): Result.Result<A, CodecError> => {
  try {
    return Result.succeed(read())
  } catch (error) {
    return Result.fail(toCodecError(error, wire, "decode"))
  }
}
