/** Why a call ends whose bytes are not gRPC. */
import * as Grpc from "../Grpc.ts"
import { type ObserverErrorReason, Protocol, ResourceExhausted } from "../ObserverError.ts"

/** The reason of a fault: a limit, or nonsense. */
export const faultReason = ({ status, why }: Grpc.FrameFault): ObserverErrorReason =>
  status === Grpc.Status.ResourceExhausted ? new ResourceExhausted({ why }) : new Protocol({ why })
