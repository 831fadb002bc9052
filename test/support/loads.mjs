// Preloaded into a program: prints the files that it has loaded, one a line, to the file that LOADS names.
import { appendFileSync } from "node:fs"
import { registerHooks } from "node:module"

registerHooks({
  load: (url, context, next) => {
    if (url.startsWith("file:")) appendFileSync(process.env.LOADS, `${url}\n`)
    return next(url, context)
  }
})
