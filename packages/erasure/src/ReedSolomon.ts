/**
 * The Reed-Solomon code over GF(2^16) in the novel polynomial basis, byte for byte that of the crate `reed-solomon-novelpoly`. The
 * first chunks are the data itself, two bytes of each in turn.
 */
import { Result } from "effect"
import { chunkBytes, type CodeParams } from "./CodeParams.ts"
import { ChunkIndex, ChunkLength, DataBytes, ErasureError, TooFewChunks } from "./ErasureError.ts"
import { differentiate, forward, inverse, type Rows, scaleRow } from "./field/AdditiveFft.ts"
import { erasureLocator } from "./field/ErasureLocator.ts"

/** Limits of coding. */
export interface Limits {
  /** The longest data that is coded or brought back: the memory that is taken is a few times as much. */
  readonly maxDataBytes: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { maxDataBytes: 16 * 1024 * 1024 }

/** A chunk with its place in the code. */
export interface IndexedChunk {
  readonly index: number
  readonly chunk: Uint8Array
}

/** Elements that are worked on at a time: as many rows and columns as stay near the processor. */
const blockElements = 1 << 17

/** Calls `work` for each run of columns, with rows that have room for the code. */
const byColumns = (
  length: number,
  columns: number,
  work: (rows: Rows, from: number, count: number) => void
) => {
  const width = Math.min(columns, Math.max(1, Math.floor(blockElements / length)))
  const values = new Uint16Array(length * width)
  for (let from = 0; from < columns; from += width) {
    const count = Math.min(width, columns - from)
    work({ values: values.subarray(0, length * count), width: count }, from, count)
  }
}

/** Takes elements of a chunk into a row. */
const readChunk = ({ values, width }: Rows, row: number, chunk: Uint8Array, from: number) => {
  for (let i = 0; i < width; i++) {
    const at = 2 * (from + i)
    values[row * width + i] = (chunk[at]! << 8) | chunk[at + 1]!
  }
}

/** Takes a row into a chunk. */
const writeChunk = ({ values, width }: Rows, row: number, chunk: Uint8Array, from: number) => {
  for (let i = 0; i < width; i++) {
    const at = 2 * (from + i)
    const value = values[row * width + i]!
    chunk[at] = value >> 8
    chunk[at + 1] = value & 0xff
  }
}

/** Takes data into the first rows: the column of a word goes down them. What is beyond the end is zero. */
const readData = ({ values, width }: Rows, systematic: number, data: Uint8Array, from: number) => {
  for (let i = 0; i < width; i++) {
    for (let row = 0; row < systematic; row++) {
      const at = 2 * ((from + i) * systematic + row)
      values[row * width + i] = ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0)
    }
  }
}

/** Takes the first rows into data. */
const writeData = ({ values, width }: Rows, systematic: number, data: Uint8Array, from: number) => {
  for (let i = 0; i < width; i++) {
    for (let row = 0; row < systematic; row++) {
      const at = 2 * ((from + i) * systematic + row)
      const value = values[row * width + i]!
      data[at] = value >> 8
      data[at + 1] = value & 0xff
    }
  }
}

const checkBytes = (bytes: number, maxBytes: number) =>
  bytes < 1 || bytes > maxBytes
    ? Result.fail(new ErasureError({ reason: new DataBytes({ bytes, maxBytes }) }))
    : Result.succeed(undefined)

/** The chunks of some data, all of them. */
export const encode = (
  params: CodeParams,
  data: Uint8Array,
  limits: Limits = defaults
): Result.Result<ReadonlyArray<Uint8Array>, ErasureError> =>
  Result.map(checkBytes(data.length, limits.maxDataBytes), () => {
    const { chunks, length, systematic } = params
    const bytes = chunkBytes(params, data.length)
    const all = Array.from({ length: chunks }, () => new Uint8Array(bytes))
    byColumns(length, bytes / 2, (rows, from) => {
      readData(rows, systematic, data, from)
      for (let row = 0; row < systematic; row++) writeChunk(rows, row, all[row]!, from)
      inverse(rows, 0, systematic, 0)
      const coefficients = systematic * rows.width
      for (let point = systematic; point < chunks; point += systematic) {
        rows.values.copyWithin(point * rows.width, 0, coefficients)
        forward(rows, point, systematic, point)
        for (let row = point; row < Math.min(point + systematic, chunks); row++) {
          writeChunk(rows, row, all[row]!, from)
        }
      }
    })
    return all
  })

/** The first thing wrong with chunks, if any, before anything is made of them. */
const faultOf = (
  { chunks, systematic }: CodeParams,
  found: ReadonlyArray<IndexedChunk>,
  maxBytes: number
): ErasureError["reason"] | undefined => {
  const outside = found.find(({ index }) => !Number.isInteger(index) || index < 0 || index >= chunks)
  if (outside !== undefined) return new ChunkIndex({ index: outside.index, chunks })
  const distinct = new Set(found.map(({ index }) => index)).size
  if (distinct < systematic) return new TooFewChunks({ chunks: distinct, needed: systematic })
  const bytes = found[0]!.chunk.length
  const uneven = found.find(({ chunk }) => chunk.length !== bytes || bytes === 0 || bytes % 2 !== 0)
  if (uneven !== undefined) return new ChunkLength({ index: uneven.index, bytes: uneven.chunk.length })
  // The last round of words may be padding but for one byte.
  const least = (bytes - 2) * systematic + 1
  return least > maxBytes ? new DataBytes({ bytes: bytes * systematic, maxBytes }) : undefined
}

/** Puts the data together from the first chunks, in their order. */
const join = (systematic: number, chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = chunks[0]!.length
  const data = new Uint8Array(systematic * bytes)
  byColumns(systematic, bytes / 2, (rows, from) => {
    for (let row = 0; row < systematic; row++) readChunk(rows, row, chunks[row]!, from)
    writeData(rows, systematic, data, from)
  })
  return data
}

/** The data from any chunks, as many as `systematic` at least, with zeros after its end. Where two have one index, the later counts. */
export const reconstruct = (
  params: CodeParams,
  found: ReadonlyArray<IndexedChunk>,
  limits: Limits = defaults
): Result.Result<Uint8Array, ErasureError> => {
  const fault = faultOf(params, found, limits.maxDataBytes)
  if (fault !== undefined) return Result.fail(new ErasureError({ reason: fault }))
  const { length, systematic } = params
  const present = new Map(found.map(({ chunk, index }) => [index, chunk]))
  const first = Array.from({ length: systematic }, (_, index) => present.get(index))
  if (first.every((chunk) => chunk !== undefined)) return Result.succeed(join(systematic, first))
  const bytes = found[0]!.chunk.length
  const locator = erasureLocator(Array.from({ length }, (_, index) => !present.has(index)))
  const data = new Uint8Array(systematic * bytes)
  byColumns(length, bytes / 2, (rows, from) => {
    rows.values.fill(0)
    for (const [index, chunk] of present) {
      readChunk(rows, index, chunk, from)
      scaleRow(rows, index, locator[index]!)
    }
    inverse(rows, 0, length, 0)
    differentiate(rows, length)
    forward(rows, 0, length, 0)
    for (let index = 0; index < systematic; index++) {
      const chunk = present.get(index)
      if (chunk === undefined) scaleRow(rows, index, locator[index]!)
      else readChunk(rows, index, chunk, from)
    }
    writeData(rows, systematic, data, from)
  })
  return Result.succeed(data)
}

/** The data from the first chunks, in their order, as many as `systematic` at least: no arithmetic is needed. Zeros follow its end. */
export const reconstructFromSystematic = (
  params: CodeParams,
  chunks: ReadonlyArray<Uint8Array>,
  limits: Limits = defaults
): Result.Result<Uint8Array, ErasureError> => {
  const found = chunks.slice(0, params.systematic).map((chunk, index) => ({ index, chunk }))
  const fault = faultOf(params, found, limits.maxDataBytes)
  return fault === undefined
    ? Result.succeed(join(params.systematic, chunks))
    : Result.fail(new ErasureError({ reason: fault }))
}
