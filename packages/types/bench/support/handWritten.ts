/**
 * What a program without this package would write: a check of parsed JSON, in place, that stops at the first
 * flaw and does not say where it is.
 */
const hash = /^0x[0-9a-f]{64}$/

const refuse = (): never => {
  throw new Error("not a managed event")
}

const checkHash = (value: unknown): void => {
  if (typeof value !== "string" || !hash.test(value)) refuse()
}

const checkNumber = (value: unknown): void => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) refuse()
}

const checkBlock = (value: any): void => {
  if (typeof value !== "object" || value === null) refuse()
  checkHash(value.hash)
  checkNumber(value.number)
  checkHash(value.parentHash)
  checkNumber(value.timestamp)
}

const checkPair = (value: any): void => {
  if (typeof value !== "object" || value === null) refuse()
  checkBlock(value.source)
  checkBlock(value.derived)
}

/** A managed event, or an error. */
export const checkedEvent = (json: any): unknown => {
  if (typeof json !== "object" || json === null) refuse()
  if (json.reset !== undefined && typeof json.reset !== "string") refuse()
  if (json.unsafeBlock !== undefined) checkBlock(json.unsafeBlock)
  if (json.derivationUpdate !== undefined) checkPair(json.derivationUpdate)
  if (json.exhaustL1 !== undefined) checkPair(json.exhaustL1)
  if (json.replaceBlock !== undefined) {
    checkBlock(json.replaceBlock.replacement)
    checkHash(json.replaceBlock.invalidated)
  }
  if (json.derivationOriginUpdate !== undefined) checkBlock(json.derivationOriginUpdate)
  return json
}
