/**
 * One function body: checked against what is offered, measured, and rewritten so that it does the same on every
 * machine.
 *
 * - A call adds the frame of its caller to a counter, and takes it off when it is back; a counter beyond the limit
 *   traps. So recursion ends at the same depth whatever the engine makes of a frame.
 * - Behind arithmetic whose result may be a NaN, any NaN becomes the canonical one.
 * - `memory.grow` goes through a function that tells a refusal by the limit from one by the machine.
 *
 * The height of the operand stack is exact for valid code; whether it is valid, the engine says before it runs.
 */
import { bulk, featureOf, instruction, type Instruction } from "./WasmInstructions.ts"
import { OperandStack } from "./OperandStack.ts"
import { leb, refuse, signedLeb, WasmReader, WasmWriter } from "./WasmReader.ts"

/** A function type, as far as heights need it. */
export interface FunctionType {
  readonly params: ReadonlyArray<number>
  readonly results: ReadonlyArray<number>
}

/** What bodies refer to, and the indices of what the host adds behind the module's own. */
export interface FunctionContext {
  readonly types: ReadonlyArray<FunctionType>
  /** Type indices of the module's functions. */
  readonly functions: ReadonlyArray<number>
  readonly globals: number
  /** Global that counts the values on the stack. */
  readonly stackGlobal: number
  /** Function that stands for `memory.grow`. */
  readonly growFunction: number
  readonly maxStackValues: number
  readonly maxFrameValues: number
  readonly maxNesting: number
}

/** Values that a frame costs beside its parameters, locals and operands: return address, instance, spilled registers. */
const frameValues = 8
const canonicalNan = {
  f32: { type: 0x7d, const: [0x43, 0, 0, 0xc0, 0x7f], eq: 0x5b },
  f64: { type: 0x7c, const: [0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f], eq: 0x61 }
} as const

const isValueType = (byte: number) => byte >= 0x7c && byte <= 0x7f

/** Reads the declarations of locals. */
const readLocals = (reader: WasmReader, params: number, max: number) => {
  const groups = reader.count("groups of locals")
  const start = reader.at
  let locals = params
  for (let i = 0; i < groups; i++) {
    locals += reader.u32()
    if (locals > max) refuse(`a function has ${locals} locals, the limit is ${max}`)
    const type = reader.byte()
    if (!isValueType(type)) refuse(`a local has the type 0x${type.toString(16)}, which is not offered`)
  }
  return { groups, locals, declarations: reader.bytes.subarray(start, reader.at) }
}

/** The rewriting of one body. */
class Body {
  readonly #context: FunctionContext
  readonly #reader: WasmReader
  readonly #type: FunctionType
  readonly #out = new WasmWriter()
  readonly #stack: OperandStack
  readonly #nans = new Map<"f32" | "f64", number>()
  /** Where in the output the cost of a frame is to be inserted, once it is known. */
  readonly #calls: Array<{ readonly at: number; readonly before: boolean }> = []
  #locals = 0
  #copied = 0

  constructor(context: FunctionContext, type: FunctionType, bytes: Uint8Array) {
    this.#context = context
    this.#reader = new WasmReader(bytes)
    this.#type = type
    this.#stack = new OperandStack(type.results.length, context.maxNesting)
  }

  rewrite(): Uint8Array {
    const declared = readLocals(this.#reader, this.#type.params.length, this.#context.maxFrameValues)
    this.#locals = declared.locals
    this.#copied = this.#reader.at
    while (this.#stack.controls.length > 0) this.#step()
    this.#reader.done()
    this.#copy()
    return this.#finish(declared)
  }

  /** Brings the output up to where the reader is. */
  #copy(upTo = this.#reader.at) {
    this.#out.add(this.#reader.bytes.subarray(this.#copied, upTo))
    this.#copied = upTo
  }

  #step(): void {
    const start = this.#reader.at
    const opcode = this.#reader.byte()
    if (opcode === 0xfc) return this.#bulk()
    const known =
      instruction(opcode) ?? refuse(`it uses ${featureOf(opcode)} (opcode 0x${opcode.toString(16)})`)
    this.#stack.move(known.pops, 0)
    const index = this.#immediate(known)
    this.#stack.move(0, known.pushes)
    if (opcode <= 0x11) this.#control(opcode, index, start)
    else if (opcode >= 0x20 && opcode <= 0x24) this.#variable(opcode, index)
    else if (opcode === 0x40) {
      this.#copy(start)
      this.#out.add([0x10, ...leb(this.#context.growFunction)])
      this.#copied = this.#reader.at
    }
    if (known.nan !== undefined) this.#canonicalise(known.nan)
  }

  /** Passes over what follows an opcode; an index is returned, or the number of results of a block. */
  #immediate({ immediate }: Instruction): number {
    const reader = this.#reader
    switch (immediate) {
      case "none":
        return 0
      case "index":
        return reader.u32()
      case "block": {
        const type = reader.byte()
        if (type === 0x40) return 0
        return isValueType(type) ? 1 : refuse("it uses blocks with several values or types of references")
      }
      case "table":
        for (let count = reader.count("targets of a branch"), i = 0; i <= count; i++)
          this.#label(reader.u32())
        return 0
      case "memory":
        // Alignments above 8 bytes are invalid, and larger numbers tell of several or 64-bit memories.
        if (reader.u32() > 3) refuse("it uses several memories, or an alignment that does not exist")
        return reader.u32()
      case "zero":
        return reader.byte() === 0 ? 0 : refuse("it uses several memories")
      case "i32":
        reader.skipSigned(5)
        return 0
      case "i64":
        reader.skipSigned(10)
        return 0
      case "f32":
        reader.take(4)
        return 0
      case "f64":
        reader.take(8)
        return 0
    }
  }

  #label(depth: number) {
    if (depth >= this.#stack.controls.length) refuse("a branch leads out of its function")
  }

  #control(opcode: number, index: number, start: number): void {
    const stack = this.#stack
    switch (opcode) {
      case 0x00:
      case 0x0e:
      case 0x0f:
        return stack.leave()
      case 0x02:
      case 0x03:
      case 0x04:
        return stack.open(index, opcode === 0x04)
      case 0x05:
        return stack.otherwise()
      case 0x0b:
        return stack.close()
      case 0x0c:
        this.#label(index)
        return stack.leave()
      case 0x0d:
        return this.#label(index)
      case 0x10:
        return this.#call(
          this.#context.functions[index] ?? refuse("it calls a function that is not there"),
          start
        )
      case 0x11:
        if (this.#reader.u32() !== 0) refuse("it uses several tables")
        return this.#call(index, start)
    }
  }

  /** Every call is wrapped; the cost is filled in when the whole body is known. */
  #call(typeIndex: number, start: number) {
    const type = this.#context.types[typeIndex] ?? refuse("it calls a function of an unknown type")
    this.#stack.move(type.params.length, type.results.length)
    this.#copy(start)
    this.#calls.push({ at: this.#out.bytes.length, before: true })
    this.#copy()
    this.#calls.push({ at: this.#out.bytes.length, before: false })
  }

  #variable(opcode: number, index: number) {
    if (index >= (opcode <= 0x22 ? this.#locals : this.#context.globals))
      refuse("it uses a variable that is not there")
  }

  #bulk() {
    const opcode = this.#reader.u32()
    const known =
      bulk.get(opcode) ?? refuse(`it uses ${featureOf(0xfc)} (opcode 0xfc 0x${opcode.toString(16)})`)
    for (let i = 0; i < known.indices; i++) {
      // The index of a segment comes first and may be any; those of memories and tables are 0.
      const segment = i === 0 && opcode !== 10 && opcode !== 11 && opcode !== 14
      if (this.#reader.u32() !== 0 && !segment) refuse("it uses several memories or tables")
    }
    this.#stack.move(known.pops, 0)
  }

  #canonicalise(type: "f32" | "f64") {
    this.#copy()
    let local = this.#nans.get(type)
    if (local === undefined) this.#nans.set(type, (local = this.#locals + this.#nans.size))
    const index = leb(local)
    const nan = canonicalNan[type]
    // The value itself where it equals itself, else the canonical NaN.
    this.#out.add([0x22, ...index, ...nan.const, 0x20, ...index, 0x20, ...index, nan.eq, 0x1b])
  }

  #finish({
    groups,
    declarations
  }: {
    readonly groups: number
    readonly declarations: Uint8Array
  }): Uint8Array {
    const { maxFrameValues, maxStackValues, stackGlobal } = this.#context
    const added = this.#nans.size > 0 ? 3 : this.#calls.length > 0 ? 2 : 0
    const frame = frameValues + this.#locals + this.#nans.size + this.#stack.max + added
    if (frame > maxFrameValues)
      refuse(`a function needs ${frame} values of stack, the limit is ${maxFrameValues}`)
    const global = leb(stackGlobal)
    const cost = [0x41, ...signedLeb(frame)]
    const count = [0x23, ...global, ...cost, 0x6a, 0x24, ...global]
    const trap = [0x23, ...global, 0x41, ...signedLeb(maxStackValues), 0x4b, 0x04, 0x40, 0x00, 0x0b]
    const before = [...count, ...trap]
    const after = [0x23, ...global, ...cost, 0x6b, 0x24, ...global]
    const body = new WasmWriter()
    body.add(leb(groups + this.#nans.size))
    body.add(declarations)
    for (const type of this.#nans.keys()) body.add([1, canonicalNan[type].type])
    const code = this.#out.bytes
    let from = 0
    for (const call of this.#calls) {
      body.add(code.subarray(from, call.at))
      body.add(call.before ? before : after)
      from = call.at
    }
    body.add(code.subarray(from))
    return body.bytes
  }
}

/** The body as it will run, without its length. Throws `WasmRefusal`. */
export const rewriteFunction = (context: FunctionContext, type: FunctionType, body: Uint8Array): Uint8Array =>
  new Body(context, type, body).rewrite()
