/** A real browser for a test: the Chromium of a registry package, steered by playwright. */
import chromium from "@sparticuz/chromium"
import { type Browser, chromium as launcher, type Page } from "playwright-core"

/** A browser that is closed with its test. */
export const openBrowser = async () => {
  const browser: Browser = await launcher.launch({
    executablePath: await chromium.executablePath(),
    // Not those that the package names: they turn off what a page relies upon, such as origins.
    args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--headless=shell"],
    headless: true
  })
  return { browser, [Symbol.asyncDispose]: () => browser.close() }
}

/** What a page complained of, and whom it asked. */
export interface Watched {
  readonly page: Page
  readonly errors: Array<string>
  readonly hosts: Set<string>
}

/** Opens a page and notes everything that goes wrong on it. */
export const openPage = async (
  browser: Browser,
  url: string,
  options: Parameters<Browser["newContext"]>[0] = {}
): Promise<Watched> => {
  // A locale that there is: that of the machine may be one that browsers do not know.
  const context = await browser.newContext({ locale: "en-US", ...options })
  const page = await context.newPage()
  const errors: Array<string> = []
  const hosts = new Set<string>()
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(message.text())
  })
  page.on("pageerror", (error) => errors.push(error.message))
  page.on("request", (request) => hosts.add(new URL(request.url()).host))
  await page.goto(url)
  return { page, errors, hosts }
}
