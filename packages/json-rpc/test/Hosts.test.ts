import { assert, describe, it } from "@effect/vitest"
import { Hosts } from "../src/index.ts"

describe("Hosts", () => {
  it("answers to localhost and to addresses, and to names that were given", () => {
    for (const host of [undefined, "", "localhost", "LocalHost:80", "10.0.0.1:8545", "[::1]:8545", "[::1]"])
      assert.isTrue(Hosts.acceptsHost(Hosts.localhost, host), host)
    for (const host of ["evil.example", "localhost.evil.example", "1.2.3.4.evil.example", "[evil]"])
      assert.isFalse(Hosts.acceptsHost(Hosts.localhost, host), host)
    assert.isTrue(Hosts.acceptsHost({ ...Hosts.localhost, vhosts: ["Node.Example"] }, "node.example:1"))
    assert.isTrue(Hosts.acceptsHost(Hosts.anyone, "evil.example"))
  })
  it("takes pages of this machine, and of origins that were given", () => {
    for (const origin of [undefined, "http://localhost:3000", "http://127.0.0.1", "http://[::1]:1"])
      assert.isTrue(Hosts.acceptsOrigin(Hosts.localhost, origin), origin)
    for (const origin of ["http://evil.example", "null", "http://localhost.evil.example"])
      assert.isFalse(Hosts.acceptsOrigin(Hosts.localhost, origin), origin)
    const page = { ...Hosts.localhost, corsDomains: ["https://page.example"] }
    assert.isTrue(Hosts.acceptsOrigin(page, "https://page.example"))
    assert.isFalse(Hosts.acceptsOrigin(page, "http://page.example"))
  })
})
