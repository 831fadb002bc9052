/** Pages that are read off the sources: what can be set, what is counted, what can go wrong. */
import { basename, join } from "node:path"
import { root, sources as read } from "./house.ts"
import * as Protocol from "../../packages/network/src/Protocol.ts"

const sources = read.map(({ file, isPrivate, package: owner, text }) => ({
  file,
  isPrivate,
  module: basename(file, ".ts"),
  package: owner.json.name as string,
  text
}))

/** The text of a doc comment, on one line, fit for a table. */
const plain = (comment: string | undefined) =>
  (comment ?? "")
    .replaceAll(/\n\s*\*( |$)/gm, " ")
    .replaceAll(/\s+/g, " ")
    .replaceAll("|", "\\|")
    .trim()

const firstSentence = (text: string) => /^.*?\.(?= |$)/.exec(text)?.[0] ?? text

const byPackage = <A>(rows: ReadonlyArray<A & { readonly package: string }>) =>
  [...Map.groupBy(rows, (row) => row.package)].sort(([a], [b]) => (a < b ? -1 : 1))

const page = (title: string, intro: string, parts: ReadonlyArray<string>) =>
  `${[`# ${title}`, intro, ...parts].join("\n\n")}\n`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const metricPattern =
  /(?:Metric\.(counter|gauge|histogram|frequency|timer|summary)|((?<![\w.])(?:\w*[cC]ounterBy|counter)))\(\s*["`]([^"`]+)["`],?\s*(?:\{\s*description:\s*"([^"]*)"|"([^"]*)"(?:,\s*\[([^\]]*)\])?)/g

/** `docs/METRICS.md` */
export const metricsPage = () => {
  const rows = sources.flatMap(({ package: owner, text }) => {
    const prefix = /const prefix = "([^"]+)"/.exec(text)?.[1] ?? ""
    return [...text.matchAll(metricPattern)].map(([, kind, , name = "", inner, outer, labels]) => ({
      package: owner,
      name: name.replace("${prefix}", prefix),
      kind: kind ?? "counter",
      what: inner ?? outer ?? "",
      labels: (labels ?? "").replaceAll(/["\s]/g, "").replaceAll(",", ", ")
    }))
  })
  return page(
    "Metrics",
    "Everything that is served at `/metrics` (Prometheus), by package. Read off the sources; a test keeps this page up to date. A name ends with\nits unit; `_total` only ever grows.",
    byPackage(rows).map(([name, found]) =>
      [
        `## ${name}`,
        table(
          ["metric", "kind", "what it tells"],
          found
            .toSorted((a, b) => (a.name < b.name ? -1 : 1))
            .map(({ kind, labels, name, what }) => [
              `\`${name}\``,
              kind,
              labels === "" ? plain(what) : `${plain(what)}, by ${labels}`
            ])
        )
      ].join("\n\n")
    )
  )
}

const errorPattern =
  /(?:\/\*\*((?:(?!\*\/)[^])*)\*\/\s*)?export class (\w+) extends Schema\.TaggedError<\w+>\(\)\(\s*"(\w+)"/g

/** `docs/ERRORS.md` */
export const errorsPage = () => {
  const rows = sources.flatMap(({ module, package: owner, text }) =>
    [...text.matchAll(errorPattern)].map(([, comment, , tag = ""]) => ({
      package: owner,
      module,
      tag,
      what: firstSentence(plain(comment))
    }))
  )
  return page(
    "Errors",
    "Every tagged error, by package. The public one of a package carries one of its reasons in `reason`; `message` says what happened, where, and what\nto do about it; `retryable` whether a later try may succeed by itself. Read off the sources; a test keeps this page up to date.",
    byPackage(rows).map(([name, found]) =>
      [
        `## ${name}`,
        table(
          ["tag", "module", "meaning"],
          found.map(({ module, tag, what }) => [`\`${tag}\``, module, what])
        )
      ].join("\n\n")
    )
  )
}

const fieldPattern = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*readonly (\w+)\??:/g

/** The lines of the record that `defaults` is, up to the brace that closes it. */
const defaultsOf = (text: string): ReadonlyArray<readonly [string, string]> => {
  const body = /export const defaults\b[^=]*=\s*\{\n([^]*?)\n\}/.exec(text)?.[1] ?? ""
  return [...body.matchAll(/^ {2}(\w+|\.\.\.[\w.]+)(?:: ([^]*?))?,?$(?=\n {2}\S|(?![^]))/gm)].map(
    ([, name = "", value = ""]) => [name, value.replaceAll(/\s+/g, " ")]
  )
}

/** The conversations between peers, with who may speak them and what each bounds. */
const protocols = () => {
  const rows = Protocol.all.map((one) => {
    const own = [`\`${one.name}\``, String(one.from), String(one.maxBytes)]
    return one._tag === "Notification"
      ? [...own, "", "", "", "", "", ""]
      : [
          ...own,
          one.maxResponseBytes,
          one.timeoutMs,
          one.concurrency,
          one.queueCapacity,
          one.perPeer,
          one.perSecond
        ].map(String)
  })
  const head = [
    "protocol",
    "from",
    "maxBytes",
    "maxResponseBytes",
    "timeoutMs",
    "concurrency",
    "queueCapacity",
    "perPeer",
    "perSecond"
  ]
  return {
    package: "@ephor/network",
    text: `### Protocol\n\nWhoever serves a protocol may serve it with other bounds. Who is no validator shares \`others\` of it, a quarter unless said otherwise.\n\n${table(head, rows)}`
  }
}

/** `docs/LIMITS.md` */
export const limitsPage = () => {
  const parts = sources
    .filter(({ text }) => /export const defaults\b/.test(text))
    .flatMap(({ module, package: owner, text }) => {
      const docs = new Map(
        [...text.matchAll(fieldPattern)].map(([, comment, name = ""]) => [name, plain(comment)])
      )
      const found = defaultsOf(text)
      if (found.length === 0) return []
      const rows = found.map(([name, value]) =>
        name.startsWith("...")
          ? [`those of \`${name.slice(3)}\``, "", ""]
          : [`\`${name}\``, `\`${value.replaceAll("|", "\\|")}\``, docs.get(name) ?? ""]
      )
      return [
        { package: owner, text: `### ${module}\n\n${table(["option", "default", "what it bounds"], rows)}` }
      ]
    })
  return page(
    "Limits",
    "Every queue, cache, retry, batch, frame and window has a bound with a name and a default, given to the layer of its module. Units are the last word of a\nname. What is dropped or refused at a bound is counted: see [METRICS.md](METRICS.md). Read off the sources; a test keeps this page up to date.",
    byPackage([...parts, protocols()]).map(([name, found]) =>
      [`## ${name}`, ...found.map(({ text }) => text)].join("\n\n")
    )
  )
}

/** Where the pages are. */
export const docs = join(root, "docs")
