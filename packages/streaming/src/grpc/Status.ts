/** Status codes of gRPC, and what they are on the layers below. */

/** The canonical status codes (the ones a peer may send us; numbers are the wire form). */
export const Status = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  Unauthenticated: 16
} as const
export type Status = (typeof Status)[keyof typeof Status]

/** Status of a call that was cut by RST_STREAM, by HTTP/2 error code. */
export const statusOfReset = (code: number): Status => {
  switch (code) {
    case 0x7: // REFUSED_STREAM
      return Status.Unavailable
    case 0x8: // CANCEL
      return Status.Cancelled
    case 0xb: // ENHANCE_YOUR_CALM
      return Status.ResourceExhausted
    case 0xc: // INADEQUATE_SECURITY
      return Status.PermissionDenied
    default:
      return Status.Internal
  }
}

/** Status of a response that is not gRPC at all, by HTTP status. */
export const statusOfHttp = (status: number): Status => {
  switch (status) {
    case 400:
      return Status.Internal
    case 401:
      return Status.Unauthenticated
    case 403:
      return Status.PermissionDenied
    case 404:
      return Status.Unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return Status.Unavailable
    default:
      return Status.Unknown
  }
}
