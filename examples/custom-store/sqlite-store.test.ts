/** The contract suite: what passes here may hold a node. */
import * as StoreTest from "@ephor/store/testing/StoreTest"
import { afterAll } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layer } from "./sqlite-store.ts"

const directory = mkdtempSync(join(tmpdir(), "sqlite-store-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

StoreTest.suite("sqlite", (test) => layer(join(directory, `${test}.sqlite`)), { durable: true })
