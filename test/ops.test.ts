/** What lies in `ops` fits the programs, as far as that can be seen without Docker, Prometheus and Grafana. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parse } from "yaml"
import { settings as nodeSettings } from "../apps/node/src/NodeConfig.ts"
import { settings as supervisorSettings } from "../apps/supervisor/src/SupervisorConfig.ts"
import { root } from "./support/house.ts"

const read = (file: string) => readFileSync(join(root, file), "utf8")
const files = (pattern: string) => globSync(pattern, { cwd: join(root, "ops") }).map((file) => `ops/${file}`)

/** Every metric of the documentation, with the series that its kind is exported as. */
const exported = new Set(
  [...read("docs/METRICS.md").matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].flatMap(([, name = "", kind]) =>
    kind === "histogram" || kind === "timer" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name]
  )
)
/** Prometheus itself says whether a target answers. */
exported.add("up")

const words = new Set(
  "by without on ignoring and or unless sum min max avg count rate increase histogram_quantile time le".split(
    " "
  )
)

/** Names of series in a query: what is neither a word of the language, nor a label, nor a number. */
const seriesOf = (query: string): ReadonlyArray<string> => {
  const bare = query
    .replaceAll(/\{[^}]*\}/g, " ")
    .replaceAll(/"[^"]*"/g, " ")
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ")
    .replaceAll(/\b\d+(\.\d+)?(e\d+)?\b/g, " ")
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*/g)].map(([name]) => name).filter((name) => !words.has(name))
}

const unknown = (queries: ReadonlyArray<string>) =>
  queries.flatMap((query) => {
    const series = seriesOf(query)
    return series.length === 0
      ? [`${query}: names nothing`]
      : series.filter((name) => !exported.has(name)).map((name) => `${query}: ${name}`)
  })

interface Flags {
  readonly [name: string]: { readonly flag: string }
}

/** Flags of a command line that a program does not have. */
const unknownFlags = (program: string, args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const table: Flags = program === "ephor-node" ? nodeSettings : supervisorSettings
  const known = new Set(["config", ...Object.values(table).map(({ flag }) => flag)])
  return args
    .filter((arg) => arg.startsWith("--"))
    .map((arg) => arg.slice(2).split("=")[0]!)
    .filter((flag) => !known.has(flag))
    .map((flag) => `${program}: --${flag}`)
}

describe("ops", () => {
  it("reads queries as Prometheus does", () => {
    assert.deepStrictEqual(
      seriesOf(
        'histogram_quantile(0.95, sum by (le, x) (rate(a_bucket{i=~"b"}[5m]))) / on (i) c_total > 1e9'
      ),
      ["a_bucket", "c_total"]
    )
    assert.deepStrictEqual(unknown(["rate(no_such_total[1m])"]), ["rate(no_such_total[1m]): no_such_total"])
  })

  it("has boards whose queries name metrics that are exported", () => {
    const boards = files("grafana/boards/*.json")
    assert.isAtLeast(boards.length, 6)
    const uids = boards.map((file) => {
      const { panels, title, uid } = JSON.parse(read(file))
      assert.match(title, /^Ephor: /)
      for (const panel of panels) {
        const queries = panel.targets.map(({ expr }: { readonly expr: string }) => expr)
        assert.deepStrictEqual(unknown(queries), [], `${file}: ${panel.title}`)
        assert.isAtMost(panel.gridPos.x + panel.gridPos.w, 24, panel.title)
      }
      return uid
    })
    assert.lengthOf(new Set(uids), boards.length)
  })

  it("has alerts whose queries name metrics that are exported, each saying what to do", () => {
    const { groups } = parse(read("ops/prometheus/alerts.yaml"))
    const rules = groups.flatMap(({ rules }: any) => rules)
    assert.isAtLeast(rules.length, 10)
    for (const { alert, annotations, expr, labels } of rules) {
      assert.deepStrictEqual(unknown([expr]), [], alert)
      assert.include(["warning", "critical"], labels.severity, alert)
      assert.isAbove(annotations.summary.length, 10, alert)
      assert.isAbove(annotations.action.length, 10, alert)
    }
    assert.lengthOf(new Set(rules.map(({ alert }: any) => alert)), rules.length)
    const config = parse(read("ops/prometheus/prometheus.yaml"))
    for (const file of config.rule_files) assert.isTrue(existsSync(join(root, "ops/prometheus", file)), file)
  })

  it("has a compose file of services that start the programs with flags that they have", () => {
    const { services, volumes } = parse(read("ops/docker/compose.yaml"), { merge: true })
    assert.sameMembers(Object.keys(services), ["node", "supervisor", "prometheus", "grafana"])
    for (const [name, service] of Object.entries<any>(services)) {
      assert.isString(service.image, name)
      for (const port of service.ports)
        assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, "published on loopback only")
      for (const mount of service.volumes) {
        const [source] = mount.split(":")
        if (!source.startsWith(".")) assert.property(volumes, source, name)
        // What an operator brings is not there yet.
        else if (source !== "./config") assert.isTrue(existsSync(join(root, "ops/docker", source)), mount)
      }
      for (const other of Object.keys(Array.isArray(service.depends_on) ? {} : (service.depends_on ?? {})))
        assert.property(services, other)
    }
    for (const name of ["node", "supervisor"]) {
      const [program, command, ...args] = services[name].command
      assert.strictEqual(program, `ephor-${name}`)
      assert.strictEqual(command, "run")
      assert.deepStrictEqual(unknownFlags(program, args), [])
      assert.include(services[name].cap_drop, "ALL")
    }
    const targets = parse(read("ops/prometheus/prometheus.yaml")).scrape_configs.flatMap(
      ({ static_configs }: any) => static_configs.flatMap(({ targets }: any) => targets)
    )
    for (const target of targets) {
      const [host, port] = target.split(":")
      assert.isTrue(
        services[host].ports.some((published: string) => published.endsWith(`:${port}`)),
        target
      )
    }
  })

  it("has an image of what a build makes", () => {
    const text = read("ops/docker/Dockerfile")
    const stages = [...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    assert.deepStrictEqual(new Set(stages), new Set(["node:24-bookworm-slim"]))
    assert.match(text, /^USER node$/m)
    for (const [, file = ""] of text.matchAll(/\b(apps\/\w+\/package\.json)\b/g))
      assert.isTrue(existsSync(join(root, file)), file)
    const compose = parse(read("ops/docker/compose.yaml"))["x-ephor"].build
    assert.isTrue(existsSync(join(root, "ops/docker", compose.context, compose.dockerfile)))
  })

  it("has units that are hardened, and start the programs with flags that they have", () => {
    const units = files("systemd/*.service")
    assert.lengthOf(units, 2)
    for (const file of units) {
      const text = read(file)
      for (const line of text.split("\n")) assert.match(line, /^(#.*|\[\w+\]|[A-Za-z]+=.*|)$/, file)
      const values = new Map([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]))
      for (const [key, value] of Object.entries({
        DynamicUser: "yes",
        NoNewPrivileges: "yes",
        ProtectSystem: "strict",
        PrivateDevices: "yes",
        CapabilityBoundingSet: "",
        Restart: "on-failure"
      }))
        assert.strictEqual(values.get(key), value, `${file}: ${key}`)
      for (const key of ["ExecStartPre", "ExecStart"]) {
        const [, program = "", ...args] = values.get(key)!.split(" ")
        assert.deepStrictEqual(unknownFlags(program, args), [], file)
      }
    }
    const verified = spawnSync("systemd-analyze", ["verify", ...units.map((file) => join(root, file))], {
      encoding: "utf8"
    })
    // Not every machine has systemd.
    if (verified.error === undefined) assert.strictEqual(verified.stderr.trim(), "")
  })

  it("is described by a guide that names nothing that is not there", () => {
    const guide = read("docs/OPERATIONS.md")
    const named = [...guide.matchAll(/`(ops\/[\w./-]+)`/g), ...guide.matchAll(/ (ops\/[\w./-]+)/g)].map(
      ([, path = ""]) => path
    )
    assert.isAbove(named.length, 5)
    for (const path of named.filter((path) => path !== "ops/docker/config"))
      assert.isTrue(existsSync(join(root, path)), path)
    for (const [, link = ""] of guide.matchAll(/\]\(([\w./]+)\)/g))
      assert.isTrue(existsSync(join(root, dirname("docs/OPERATIONS.md"), link)), link)
  })
})
