/** The console in a real browser: one devnet, all pages of it. Needs a build. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import axe from "axe-core"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { parseLogfmt } from "../../../packages/cli/test/logfmt.ts"
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

/** What reaches beyond the width of the page, but for what scrolls by itself. */
const beside = (page: Page) =>
  page.evaluate(() => {
    if (document.documentElement.scrollWidth <= document.documentElement.clientWidth) return []
    return [...document.querySelectorAll("body *")]
      .filter((one) => one.closest(".scroll > *, .strip > *") === null)
      .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth)
      .map((one) => `${one.tagName} ${one.className}: ${(one.textContent ?? "").slice(0, 80)}`)
  })

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
    // The machine may be busy with something else.
    one.page.setDefaultTimeout(60_000)
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
  }, 120_000)
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
  }, 120_000)

  it("moves with the chains", async () => {
    const page = await open(`${addresses.get("chain 901: node")}/`)
    const number = async () =>
      Number(await page.locator("[data-level=localUnsafe] [data-number]").getAttribute("data-number"))
    await page.locator("[data-level=localUnsafe] [data-number]").waitFor()
    const first = await number()
    await eventually("a new block on the page", async () => ((await number()) > first + 1 ? true : undefined))
    const shown = await number()
    const { ladders } = await getJson(`${addresses.get("chain 901: node")}/status`)
    assert.isAtLeast(ladders[0].heads.localUnsafe.number, shown)
    await page.close()
  }, 120_000)

  it("shows what garbage leads to: a dispute, a revert, slashes, invalid messages, and every panel that tells of it", async () => {
    const page = await open(url)
    await page.getByRole("button", { name: "offer garbage on 901" }).click()
    await page.getByText("Ordered: an invalid candidate on chain 901").waitFor()
    await page.getByRole("button", { name: "send a message from 902" }).click()
    await page.getByText("Sent: the other chains execute it").waitFor()
    await page.locator("[data-observer='901']").waitFor()
    assert.includeMembers(await panelsOf(page), ["buttons", "observers", "process"])

    await page.getByRole("tab", { name: /^node 901/ }).click()
    await page.locator("[data-dispute='concluded invalid']").first().waitFor({ timeout: 90_000 })
    await page.locator("[data-kind$=reverted], [data-kind=replaced]").first().waitFor()
    await page
      .getByText(/^validator 3, ForInvalid/)
      .first()
      .waitFor()
    assert.includeMembers(await panelsOf(page), ["strip", "disputes", "parties", "observers", "subsystems"])
    const received = page.locator("[data-subsystem=CandidateBacking]")
    assert.isAbove(Number(await received.getAttribute("data-received")), 0)
    const block = page.locator("[data-kind=canonical]").last()
    await block.click()
    await page.locator(".card dd").first().waitFor()
    assert.include(await page.locator(".card").innerText(), "L1 origin")

    await page.getByRole("tab", { name: /^supervisor/ }).click()
    await page.locator("[data-failsafe]").waitFor()
    const cell = page.locator("[data-messages='902 901']")
    await eventually("messages in the matrix", async () =>
      Number(await cell.innerText()) > 0 ? true : undefined
    )
    await page.locator("[data-invalidations]").waitFor()
    await page.close()
  }, 150_000)

  it("tells what it is told of governance mode, of silence, of problems, and of a stream that is lost", async () => {
    const status = await getJson(`${addresses.get("chain 901: node")}/status`)
    const told = (silenceSeconds: number, more: object) => ({
      status: 200,
      contentType: "text/event-stream",
      body: `data: ${JSON.stringify({ ...status, lastEventTime: status.time - 1000 * silenceSeconds, ...more })}\n\n`
    })
    const command = "ephor-node governance unfreeze --data-dir there"
    const courtroom = { ...status.courtroom, governance: { validators: [2], command } }
    const page = await open("about:blank")
    let answer = told(15, { courtroom, problems: { chain: "no block for 15 s" } })
    await page.route("**/status/stream", (route) => route.fulfill(answer))
    await page.goto(`${addresses.get("chain 901: node")}/`)
    await page.locator("[data-governance]").waitFor()
    assert.include(await page.locator("[data-governance]").innerText(), command)
    assert.strictEqual(await page.locator("[data-panel=disputes].bad").count(), 1)
    await page.getByText("no block for 15 s").waitFor()
    await page.locator("[data-silence=warn]").waitFor()
    assert.deepStrictEqual(await seriousFaults(page), [])
    // The stream has ended after one event: the page says so, and asks again.
    await page.locator("[data-lost]").waitFor()
    answer = told(40, {})
    await page.locator("[data-silence=bad]").waitFor()
    await page.unroute("**/status/stream")
    await page.locator("[data-silence=good]").waitFor()
    await page.locator("[data-lost]").waitFor({ state: "detached" })
    await page.close()
  }, 120_000)

  it("takes orders from its own page only", async () => {
    const order = (headers: Record<string, string>) =>
      fetch(`${url}devnet/act`, { method: "POST", headers, body: JSON.stringify({ _tag: "L1" }) })
    assert.strictEqual((await order({})).status, 403)
    assert.strictEqual((await order({ Origin: "http://localhost:1" })).status, 403)
    assert.strictEqual((await order({ Origin: "https://elsewhere.example" })).status, 403)
    const admin = addresses.get("chain 901: node")!
    assert.strictEqual((await fetch(`${admin}/dev/garbage`, { method: "POST" })).status, 401)
  })

  it("looks the same in its pictures: `SCREENSHOTS=docs/console` takes them anew", async () => {
    const target = process.env["SCREENSHOTS"]
    for (const colorScheme of ["dark", "light"] as const) {
      const page = await open(url, { colorScheme, viewport: { width: 1100, height: 1150 } })
      for (const tab of ["devnet", "node 901", "supervisor"]) {
        await page.getByRole("tab", { name: new RegExp(`^${tab}`) }).click()
        await page.getByRole("tab", { name: new RegExp(`^${tab}`), selected: true }).waitFor()
        await page.locator(".spark canvas").first().waitFor()
        // A second look at the process: there is something to draw.
        await page.getByText("% of a core").first().waitFor()
        const picture = await page.screenshot()
        assert.isAbove(picture.length, 10_000)
        if (target !== undefined)
          writeFileSync(join(target, `${tab.replaceAll(" ", "-")}-${colorScheme}.png`), picture)
      }
      await page.close()
    }
  }, 120_000)

  it("stops L1 and lets it go on", async () => {
    const page = await open(url)
    await page.getByRole("button", { name: "stop L1" }).click()
    await page.getByRole("button", { name: "start L1" }).click()
    await page.getByRole("button", { name: "stop L1" }).waitFor()
    await page.close()
  }, 120_000)

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
        assert.deepStrictEqual(await beside(page), [])
      }
      await page.close()
    }
  }, 120_000)

  it("shows a node that was killed, and that it came back", async () => {
    const page = await open(url)
    await page.locator("[role=tab][data-tone=good]", { hasText: "node 902" }).waitFor()
    const { pid } = (await getJson(`${url}status`)).members.find(({ name }: any) => name === "node 902")
    process.kill(pid, "SIGKILL")
    await page.locator("[role=tab][data-tone=bad]", { hasText: /node 902\s+does not answer/ }).waitFor()
    await page.locator("[role=tab][data-tone=good]", { hasText: "node 902" }).waitFor()
    await page.close()
  }, 120_000)

  it("logs lines that a strict reader takes, each with one message", () => {
    const files = readdirSync(folder.path).filter((file) => /^(node-|supervisor).*\.log$/.test(file))
    assert.lengthOf(files, 3)
    for (const file of files) {
      const lines = readFileSync(join(folder.path, file), "utf8").split("\n").slice(0, -1)
      assert.isAbove(lines.length, 5, file)
      for (const line of lines) assert.isNotEmpty(parseLogfmt(line).get("message"), line)
    }
  })

  it("had nothing to complain of, and asked nobody else", async () => {
    for (const { errors, hosts } of watched) {
      assert.deepStrictEqual(errors, [])
      assert.lengthOf(
        [...hosts].filter((host) => host !== ""),
        1
      )
    }
    const response = await fetch(url)
    assert.include(response.headers.get("content-security-policy"), "default-src 'self'")
  })
})
