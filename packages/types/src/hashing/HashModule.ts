/** A hash function in WebAssembly: compiled at its first use, without waiting. */

interface Exports {
  readonly memory: WebAssembly.Memory
  readonly Hash_GetBuffer: () => number
  readonly Hash_Init: (bits: number) => void
  readonly Hash_Update: (length: number) => void
  readonly Hash_Final: (padding: number) => void
  readonly Hash_Calculate: (length: number, bits: number, padding: number) => void
}

/** How much the module takes at a time: the size of its buffer. */
const bufferBytes = 16 * 1024

/** First byte of Keccak's padding; BLAKE2b has none and ignores it. */
const padding = 1

const compile = (base64: string): Exports => {
  const code = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports as unknown as Exports
}

/**
 * A hash function of `digestBytes` bytes from the base64 text of its module. There is one instance with one state, and
 * nothing in here suspends.
 */
export const make = (base64: string, digestBytes: number): ((bytes: Uint8Array) => Uint8Array) => {
  const bits = digestBytes * 8
  let wasm: Exports | undefined
  let buffer = new Uint8Array(0)
  const open = (): Exports => {
    wasm = compile(base64)
    // The memory of these modules never grows: the view stays valid.
    buffer = new Uint8Array(wasm.memory.buffer, wasm.Hash_GetBuffer(), bufferBytes)
    return wasm
  }
  return (bytes) => {
    const hash = wasm ?? open()
    if (bytes.length <= bufferBytes) {
      buffer.set(bytes)
      hash.Hash_Calculate(bytes.length, bits, padding)
    } else {
      hash.Hash_Init(bits)
      for (let at = 0; at < bytes.length; at += bufferBytes) {
        const part = bytes.subarray(at, at + bufferBytes)
        buffer.set(part)
        hash.Hash_Update(part.length)
      }
      hash.Hash_Final(padding)
    }
    return buffer.slice(0, digestBytes)
  }
}
