/**
 * Who hears about a backed candidate from whom, outside of its group: validators stand in a matrix, and news travels along a
 * row and then a column, or the other way round, so that two hops reach everybody on two ways. (polkadot-sdk, statement
 * distribution 2.)
 */
import type { ValidatorIndex } from "@ephor/types"

/** The neighbours of a validator in the matrix. */
export interface Neighbours {
  readonly row: ReadonlyArray<ValidatorIndex>
  readonly column: ReadonlyArray<ValidatorIndex>
}

/** The validators of a matrix, row by row: in the order that the randomness of the session shuffled them into. */
export type Matrix = ReadonlyArray<ValidatorIndex>

/** The neighbours of the validator at a position; the matrix is `floor(sqrt n)` wide, the last row may be short. */
export const neighboursAt = (matrix: Matrix, position: number): Neighbours => {
  const width = Math.floor(Math.sqrt(matrix.length))
  const rowStart = position - (position % width)
  return {
    row: matrix.slice(rowStart, rowStart + width).filter((_, i) => rowStart + i !== position),
    column: matrix.filter((_, at) => at % width === position % width && at !== position)
  }
}

/** The neighbours of a validator; nobody for one who is not in the matrix. */
export const neighboursOf = (matrix: Matrix, validator: ValidatorIndex): Neighbours => {
  const position = matrix.indexOf(validator)
  return position < 0 ? { row: [], column: [] } : neighboursAt(matrix, position)
}

/** For one group: from whom we hear of its candidates first, and whom we tell. */
export interface GroupView {
  readonly receiving: ReadonlySet<ValidatorIndex>
  readonly sending: ReadonlySet<ValidatorIndex>
}

/**
 * What a validator has to do with the candidates of a group. Of our own group we hear inside of it, and tell all
 * neighbours. From a member in our row we hear and tell our column, and the other way round. From a member with whom we
 * share nothing we hear through those who share a line with both of us.
 */
export const groupView = (
  matrix: Matrix,
  own: ValidatorIndex,
  group: ReadonlyArray<ValidatorIndex>
): GroupView => {
  const { column, row } = neighboursOf(matrix, own)
  if (group.includes(own)) return { receiving: new Set(), sending: new Set([...row, ...column]) }
  const outside = (validators: ReadonlyArray<ValidatorIndex>) =>
    validators.filter((validator) => !group.includes(validator))
  const receiving = new Set<ValidatorIndex>()
  const sending = new Set<ValidatorIndex>()
  for (const member of group) {
    if (row.includes(member) || column.includes(member)) {
      receiving.add(member)
      for (const next of outside(row.includes(member) ? column : row)) sending.add(next)
      continue
    }
    const theirs = neighboursOf(matrix, member)
    for (const link of row) if (theirs.column.includes(link)) receiving.add(link)
    for (const link of column) if (theirs.row.includes(link)) receiving.add(link)
  }
  return { receiving, sending }
}
