/**
 * `grpc.health.v1.Health`: what probes and balancers ask. A service is known here by every name that it is served by;
 * the empty name means the server.
 */
import { Proto, Wire } from "@ephor/types"
import { Effect, Schema, Stream } from "effect"
import * as Grpc from "../Grpc.ts"
import type { Method } from "./NodeServerCall.ts"
import { NotFound, ObserverError } from "../ObserverError.ts"

/** The full name of the service. */
export const healthService = "grpc.health.v1.Health"

const Request = Wire.message(Schema.Struct({ service: Schema.String }), { service: 1 })
const Response = Wire.message(Schema.Struct({ status: Wire.U32 }), { status: 1 })
const decode = Proto.decodeResult(Request)
const encode = Proto.encode(Response)

const Serving = { Serving: 1, NotServing: 2, ServiceUnknown: 3 } as const

type Request = typeof Request.Type
type Response = typeof Response.Type

/** What is asked about. */
export interface Served {
  /** Whether calls are answered as they should be. */
  readonly serving: Effect.Effect<boolean>
  /** Whether a service is served by this name. */
  readonly knows: (service: string) => boolean
  /** How often a watcher's answer is looked at again. */
  readonly healthIntervalMs: number
}

/** The methods; probes carry no token, so none is asked of them. */
export const healthMethods = ({
  healthIntervalMs,
  knows,
  serving
}: Served): ReadonlyArray<Method<Request, Response>> => {
  const status = (service: string): Effect.Effect<Response> =>
    service !== "" && !knows(service)
      ? Effect.succeed({ status: Serving.ServiceUnknown })
      : Effect.map(serving, (yes) => ({ status: yes ? Serving.Serving : Serving.NotServing }))
  const check = ({ service }: Request): Effect.Effect<Response, ObserverError> =>
    Effect.flatMap(status(service), (answer) =>
      answer.status === Serving.ServiceUnknown
        ? Effect.fail(
            new ObserverError({ where: "Check", reason: new NotFound({ what: JSON.stringify(service) }) })
          )
        : Effect.succeed(answer)
    )
  const watch = ({ service }: Request): Stream.Stream<Response> =>
    Stream.fromEffect(status(service)).pipe(
      Stream.concat(
        Stream.forever(
          Stream.fromEffect(
            Effect.delay(
              Effect.suspend(() => status(service)),
              healthIntervalMs
            )
          )
        )
      ),
      Stream.changesWith((before, now) => before.status === now.status)
    )
  const common = { decode, frame: (response: Response) => Grpc.frame(encode(response)), isOpen: true }
  return [
    { ...common, name: "Check", call: (requests) => Stream.mapEffect(Stream.take(requests, 1), check) },
    { ...common, name: "Watch", call: (requests) => Stream.flatMap(Stream.take(requests, 1), watch) }
  ]
}
