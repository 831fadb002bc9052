#!/usr/bin/env node
import "effect/schema/SchemaJITCompiler/enable"
import { NodeProgram } from "@ephor/cli"
import { command } from "./Command.ts"
import { version } from "./version.ts"

NodeProgram.run(command, { version })
