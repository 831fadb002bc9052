/**
 * Keeps compiled code between two starts of a program. Imports nothing but Node: it has to run before the rest is loaded.
 */
import { mkdirSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

/** One folder, in one that exists: no home directory is made where there is none. */
const make = (folder: string): string => {
  try {
    mkdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
  return folder
}

/**
 * Lets Node keep what it compiles in the user's cache directory (`$XDG_CACHE_HOME` or `~/.cache`, then `ephor`). A directory
 * that cannot be written to is no error: everything is compiled again then. `NODE_COMPILE_CACHE` chooses another directory,
 * `NODE_DISABLE_COMPILE_CACHE=1` does without.
 */
export const enable = (): void => {
  try {
    const { XDG_CACHE_HOME: given } = process.env
    const caches = given === undefined || given === "" ? join(homedir(), ".cache") : given
    enableCompileCache(make(join(make(caches), "ephor")))
  } catch {
    // Nowhere to keep it: the program starts as it would have without.
  }
}
