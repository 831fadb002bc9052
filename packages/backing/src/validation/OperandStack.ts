/**
 * Follows the height of the operand stack through a function body. It is exact for valid code, and refuses what
 * cannot be followed.
 */
import { refuse } from "./WasmReader.ts"

interface Control {
  readonly height: number
  readonly results: number
  readonly isIf: boolean
  unreachable: boolean
}

/** The operand stack of a body: its height as the engine's own validation follows it. */
export class OperandStack {
  /** Values on it. */
  height = 0
  /** The greatest height so far. */
  max = 0
  readonly controls: Array<Control> = []
  readonly maxNesting: number
  constructor(results: number, maxNesting: number) {
    this.maxNesting = maxNesting
    this.controls.push({ height: 0, results, isIf: false, unreachable: false })
  }
  get top(): Control {
    return this.controls.at(-1) ?? refuse("a body has code behind its end")
  }
  /** Takes values off and puts others on. */
  move(pops: number, pushes: number): void {
    const { height, unreachable } = this.top
    this.height -= pops
    if (this.height < height) this.height = unreachable ? height : refuse("an operand is missing")
    this.height += pushes
    if (this.height > this.max) this.max = this.height
  }
  /** A block begins. */
  open(results: number, isIf: boolean): void {
    if (this.controls.length >= this.maxNesting) refuse(`blocks are nested more than ${this.maxNesting} deep`)
    this.controls.push({ height: this.height, results, isIf, unreachable: false })
  }
  /** What follows in this block is not reached. */
  leave(): void {
    this.height = this.top.height
    this.top.unreachable = true
  }
  /** The other half of an `if`. */
  otherwise(): void {
    if (!this.top.isIf) refuse("there is an else without an if")
    this.height = this.top.height
    this.top.unreachable = false
  }
  /** A block, or the body, ends. */
  close(): void {
    const { height, results } = this.top
    this.controls.pop()
    if (this.controls.length === 0) return
    this.height = height
    this.move(0, results)
  }
}
