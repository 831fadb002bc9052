/**
 * The program behind the binary.
 */
import "effect/schema/SchemaJITCompiler/enable"
import * as NodeProgram from "@ephor/cli/NodeProgram"
import { command } from "./Command.ts"
import { version } from "./version.ts"

NodeProgram.run(command, { version })
