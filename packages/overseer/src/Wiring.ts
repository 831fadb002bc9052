/**
 * Who sends to whom, as a graph: subsystems that wait for each other in a circle can come to a standstill, so circles
 * are worth a warning when the overseer is built and a drawing in the documentation.
 */
import { Graph } from "effect"
import type { AnyAddress, Edges } from "./Address.ts"

/** How a subsystem sends: waiting for room, or never waiting. */
export type Edge = "send" | "sendNow"

/** A directed graph of subsystem names. */
export type Wiring = Graph.DirectedGraph<string, Edge>

const nameOf = (target: AnyAddress | string): string => (typeof target === "string" ? target : target.key)

/** Declared edges between the given addresses. */
export const graph = (subsystems: ReadonlyArray<AnyAddress>): Wiring =>
  Graph.directed<string, Edge>((mutable) => {
    const nodes = new Map<string, Graph.NodeIndex>()
    for (const { key } of subsystems) nodes.set(key, Graph.addNode(mutable, key))
    for (const { key, options } of subsystems) {
      const connect = (targets: Edges, edge: Edge) => {
        for (const target of targets) {
          const to = nodes.get(nameOf(target))
          if (to !== undefined) Graph.addEdge(mutable, nodes.get(key)!, to, edge)
        }
      }
      connect(options.sends?.() ?? [], "send")
      connect(options.sendsNow?.() ?? [], "sendNow")
    }
  })

/**
 * Groups of subsystems that wait for each other in a circle, by name. Edges that never wait do not count, unless all do:
 * then it is the circles that `sendNow` keeps from standing still, too.
 */
export const cycles = (
  wiring: Wiring,
  count: "waiting" | "all" = "waiting"
): ReadonlyArray<ReadonlyArray<string>> => {
  const waiting = Graph.mutate(wiring, (mutable) => {
    for (const [index, edge] of Graph.entries(Graph.edges(wiring))) {
      if (count === "waiting" && edge.data === "sendNow") Graph.removeEdge(mutable, index)
    }
  })
  const names = (component: ReadonlyArray<Graph.NodeIndex>) =>
    component.flatMap((index) => [...Graph.values(Graph.nodes(wiring))][index] ?? [])
  return Graph.stronglyConnectedComponents(waiting)
    .filter((component) => component.length > 1 || waitsForItself(waiting, component[0]!))
    .map((component) => names(component).sort())
}

const waitsForItself = (wiring: Wiring, node: Graph.NodeIndex): boolean => Graph.hasEdge(wiring, node, node)

/** Declared edges that lead to addresses which are not in the list: messages to them do not compile, so they are rare. */
export const unconnected = (
  subsystems: ReadonlyArray<AnyAddress>
): ReadonlyArray<readonly [string, string]> => {
  const known = new Set(subsystems.map(({ key }) => key))
  return subsystems.flatMap(({ key, options }) =>
    [...(options.sends?.() ?? []), ...(options.sendsNow?.() ?? [])]
      .map(nameOf)
      .filter((target) => !known.has(target))
      .map((target) => [key, target] as const)
  )
}

/** A drawing for Markdown; dotted names are shortened to their last part. */
export const toMermaid = (wiring: Wiring): string =>
  Graph.toMermaid(wiring, {
    nodeLabel: (name) => name.slice(name.lastIndexOf("/") + 1),
    edgeLabel: (edge) => (edge === "sendNow" ? "now" : "")
  })
