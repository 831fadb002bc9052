/** What the file system said, as a person would. */

/** The code of a system error, if it is one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined

/** An error of the file system about a path as a sentence. */
export const explain = (path: string, error: unknown): Error => {
  const code = codeOf(error)
  if (code === "EACCES" || code === "EPERM")
    return new Error(`no permission to write in ${path}`, { cause: error })
  if (code === "ENOTDIR" || code === "EEXIST")
    return new Error(`${path} is not a directory`, { cause: error })
  if (code === "EROFS") return new Error(`${path} is on a read-only file system`, { cause: error })
  return error instanceof Error ? error : new Error(String(error))
}

/** Errors that mean that there is no room: of the file system, and those of quotas and of the largest file allowed. */
const fullCodes = new Map<unknown, string>([
  ["ENOSPC", "there is no space left on the device"],
  ["EDQUOT", "the quota of this user is used up"],
  ["EFBIG", "the file may not grow any more"]
])
/** The same as LMDB tells them: the number of the system error. */
const fullNumbers = new Map<unknown, string>([
  [28, "ENOSPC"],
  [122, "EDQUOT"],
  [27, "EFBIG"]
])

/** Why there is no room, if that is what an error says. */
export const fullText = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  const why = fullCodes.get(code) ?? fullCodes.get(fullNumbers.get(code))
  if (why !== undefined) return why
  if (/no space left/i.test(error.message)) return fullCodes.get("ENOSPC")
  return /file too large/i.test(error.message) ? fullCodes.get("EFBIG") : undefined
}
