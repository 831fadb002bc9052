/**
 * What this program keeps in its data directory, and in which versions.
 */
import { Supervisor } from "@ephor/safety"
import type { Manifest } from "@ephor/store"
import { version } from "./version.ts"

/** The databases of all chains. */
export const supervisor: Manifest.Contents = {
  program: "ephor-supervisor",
  release: version,
  families: [Supervisor.family]
}
