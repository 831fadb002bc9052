/** The console in a real browser: one devnet, all pages of it. Needs a build. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import axe from "axe-core"
import type { Page } from "playwright-core"
import { openBrowser, openPage, type Watched } from "./browser.ts"
import { eventually, getJson, startBuilt, temporary } from "./processes.ts"

interface Found {
  readonly id: string
  readonly impact: string
  readonly nodes: ReadonlyArray<{ readonly html: string }>
}

/** What axe-core calls serious or worse. */
const seriousFaults = async (page: Page): Promise<ReadonlyArray<string>> => {
  // As an expression: the policy of the page lets in no script but its own.
  await page.evaluate(axe.source)
  const found = await page.evaluate<ReadonlyArray<Found>>(
    "axe.run(document).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes })))"
  )
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))
}

const panelsOf = (page: Page) =>
  page.locator("[data-panel]").evaluateAll((found) => found.map((one) => one.getAttribute("data-panel")))

describe("the console", () => {
  const folder = temporary()
  const devnet = startBuilt("node", ["devnet", "--data-dir", folder.path])
  let opened: Awaited<ReturnType<typeof openBrowser>>
  let url = ""
  const addresses = new Map<string, string>()
  const watched: Array<Watched> = []
  const open = async (address: string, options?: Parameters<typeof openPage>[2]) => {
    const one = await openPage(opened.browser, address, options)
    watched.push(one)
    return one.page
  }

  beforeAll(async () => {
    opened = await openBrowser()
    url = await eventually(
      "the address of the page",
      async () => /watch it at (\S+)/.exec(devnet.output())?.[1]
    )
    for (const [, name, address] of devnet
      .output()
      .matchAll(/^(chain 90\d: node|supervisor:) .* admin (\S+)/gm))
      addresses.set(name!, address!)
  }, 90_000)
  afterAll(async () => {
    await opened?.[Symbol.asyncDispose]()
    devnet.kill("SIGTERM")
    await devnet.ended
    folder[Symbol.dispose]()
  }, 30_000)

  it("is served at the admin ports of node, supervisor and devnet, and shows what each one is", async () => {
    for (const [name, role] of [
      ["chain 901: node", "node of chain 901"],
      ["supervisor:", "supervisor of chains 901, 902"]
    ] as const) {
      const page = await open(`${addresses.get(name)}/`)
      await page.getByRole("heading", { name: role }).waitFor()
      await page.locator("[data-level=localUnsafe] [data-number]").first().waitFor()
      await page.close()
    }
    const page = await open(url)
    await page.getByRole("heading", { name: "devnet of chains 901, 902" }).waitFor()
    await page.locator("[data-chain='902'] [data-level=localUnsafe] [data-number]").waitFor()
    assert.includeMembers(await panelsOf(page), ["summary", "ladder", "process"])
    await page.close()
  }, 60_000)

  it("moves with the chains", async () => {
    const page = await open(`${addresses.get("chain 901: node")}/`)
    const number = async () =>
      Number(await page.locator("[data-level=localUnsafe] [data-number]").getAttribute("data-number"))
    await page.locator("[data-level=localUnsafe] [data-number]").waitFor()
    const first = await number()
    await eventually("a new block on the page", async () => ((await number()) > first + 1 ? true : undefined))
    const { ladders } = await getJson(`${addresses.get("chain 901: node")}/status`)
    assert.isAtLeast(ladders[0].heads.localUnsafe.number, await number())
    await page.close()
  }, 60_000)

  it("is usable at 360 px, by keyboard and by assistive programs, in both themes", async () => {
    for (const colorScheme of ["dark", "light"] as const) {
      const page = await open(url, { colorScheme, viewport: { width: 360, height: 740 } })
      await page.locator("[data-chain='901'] [data-number]").first().waitFor()
      assert.strictEqual(await page.locator("html").getAttribute("data-theme"), colorScheme)
      await page.getByRole("tab", { name: /^devnet/ }).focus()
      for (const tab of [/^node 901/, /^node 902/, /^supervisor/]) {
        await page.keyboard.press("ArrowRight")
        await page.getByRole("tab", { name: tab, selected: true }).waitFor()
        assert.deepStrictEqual(await seriousFaults(page), [])
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        assert.isAtMost(width, 360, "nothing is beside the page")
      }
      await page.close()
    }
  }, 60_000)

  it("shows a node that was killed, and that it came back", async () => {
    const page = await open(url)
    const tab = page.getByRole("tab", { name: /^node 902/ })
    await page.locator("[role=tab][data-tone=good]", { hasText: "node 902" }).waitFor()
    const { pid } = (await getJson(`${url}status`)).members.find(({ name }: any) => name === "node 902")
    process.kill(pid, "SIGKILL")
    await page.locator("[role=tab][data-tone=bad]", { hasText: "node 902" }).waitFor()
    assert.include(await tab.innerText(), "does not answer")
    await page.locator("[role=tab][data-tone=good]", { hasText: "node 902" }).waitFor()
    await page.close()
  }, 60_000)

  it("had nothing to complain of, and asked nobody else", async () => {
    for (const { errors, hosts } of watched) {
      assert.deepStrictEqual(errors, [])
      assert.lengthOf([...hosts], 1)
    }
    const response = await fetch(url)
    assert.include(response.headers.get("content-security-policy"), "default-src 'self'")
  })
})
