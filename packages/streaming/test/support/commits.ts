/** A publisher of commits that are all there from the beginning, and the command of who wants all of them. */
import { Context, Effect, Layer, Stream } from "effect"
import { BlockSource, Publisher } from "../../src/index.ts"
import * as NodeGrpcServer from "../../src/NodeGrpcServer.ts"
import type { Dag } from "../dag.ts"

/** Serves the commits of a DAG. */
export const serveCommits = (dag: Pick<Dag, "rounds">, options: Partial<NodeGrpcServer.ServerOptions>) =>
  Layer.build(
    Layer.fresh(
      NodeGrpcServer.layer(options).pipe(
        Layer.provide(Publisher.layer()),
        Layer.provide(
          BlockSource.layerMemory({ committeeSize: 4 }, (memory) =>
            memory.commit(dag.rounds.map(({ commit }) => commit))
          )
        )
      )
    )
  ).pipe(Effect.map((context) => Context.get(context, NodeGrpcServer.GrpcServer)))

/** Wants every commit, and says nothing more. */
export const fromTheFirst = Stream.concat(
  Stream.succeed({ command: { _tag: "Start", value: { lastCommitIndex: 0 } } } as const),
  Stream.never
)
