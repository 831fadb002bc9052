/**
 * Keeps compiled code between two starts of a program. Imports nothing but Node: it has to run before the rest is loaded.
 */
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

/**
 * Lets Node keep what it compiles in the user's cache directory (`$XDG_CACHE_HOME` or `~/.cache`, then `ephor`). A directory
 * that cannot be written to is no error: everything is compiled again then. `NODE_COMPILE_CACHE` chooses another directory,
 * `NODE_DISABLE_COMPILE_CACHE=1` does without.
 */
export const enable = (): void => {
  try {
    const { XDG_CACHE_HOME: given } = process.env
    enableCompileCache(join(given === undefined || given === "" ? join(homedir(), ".cache") : given, "ephor"))
  } catch {
    // A user without a home directory has no cache.
  }
}
