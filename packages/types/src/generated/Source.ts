/**
 * What the generators of reading and of writing functions share.
 */
import type { Reader, Writer } from "../codec/Cursor.ts"
import type { BinaryRules } from "../binary/Leaves.ts"
import type { Wire } from "../binary/Codec.ts"
import type { Layout } from "../layout/Layout.ts"

/** What both generators need to know. */
export interface Context {
  readonly rules: BinaryRules
  /** The closures of a layout. */
  readonly closures: (layout: Layout) => Wire
  /** The generated functions of a layout that stands on its own, compiled when they are first called. */
  readonly unit: (layout: Layout) => Unit
}

/** Generated functions, which throw anything when they give up. */
export interface Unit {
  readonly read: (reader: Reader) => any
  readonly write: (writer: Writer, value: any) => void
}

/** Lines of code and the objects that they refer to. */
export class Source {
  readonly lines: Array<string> = []
  readonly objects: Array<unknown> = []
  private count = 0

  add(...lines: ReadonlyArray<string>): void {
    this.lines.push(...lines)
  }

  /** A name that is not taken. */
  name(): string {
    return `v${this.count++}`
  }

  /** The name under which the code sees an object. */
  object(value: unknown): string {
    const known = this.objects.indexOf(value)
    return `o${known < 0 ? this.objects.push(value) - 1 : known}`
  }

  /** A variable that holds the value of an expression. */
  hold(expression: string): string {
    const name = this.name()
    this.add(`const ${name} = ${expression}`)
    return name
  }

  /** The function, made. `head` is its parameters. */
  make(head: string, result: string): Function {
    const objects = this.objects.map((_, i) => `const o${i} = objects[${i}]`)
    const body = [`"use strict"`, ...objects, `return (${head}) => {`, ...this.lines, result, "}"].join("\n")
    // oxlint-disable-next-line no-new-func -- names come from schemas, never from input
    return new Function("objects", body)(this.objects) as Function
  }
}

/** Thrown by generated code that gives up. It never leaves this package. */
export const giveUp = { _tag: "GiveUp" }
