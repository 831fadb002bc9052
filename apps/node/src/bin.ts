#!/usr/bin/env node
// First the cache, then what it is for: imports of this file would be compiled before it.
import { enable } from "@ephor/cli/NodeCompileCache"

enable()
await import("./main.ts")
