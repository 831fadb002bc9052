/**
 * Failures of calls in the words of the protocol.
 */
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import { fromRpcError } from "../Interop.ts"
import {
  Disconnected,
  Malformed,
  ManagedNodeError,
  type ManagedNodeErrorReason,
  TimedOut,
  Unauthorized
} from "../ManagedNodeError.ts"

const reasonOf = ({ method, reason }: JsonRpcError): ManagedNodeErrorReason => {
  switch (reason._tag) {
    case "Refused":
      return fromRpcError(method, { code: reason.code, message: reason.text, data: reason.data })
    case "TimedOut":
      return new TimedOut({ afterMs: reason.afterMs })
    case "Malformed":
      return new Malformed({ why: reason.why })
    case "Unauthorized":
      return reason.status === 401
        ? new Unauthorized({ why: reason.why })
        : new Disconnected({ why: reason.message })
    default:
      return new Disconnected({ why: reason.message })
  }
}

/** What a failed call means. */
export const fromJsonRpc = (error: JsonRpcError): ManagedNodeError =>
  new ManagedNodeError({ method: error.method, reason: reasonOf(error) })
