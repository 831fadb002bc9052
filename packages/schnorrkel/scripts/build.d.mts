/** The commands to build with, or why there are none. */
export declare const toolchain: () => Promise<
  { readonly rustc: string; readonly cargo: string; readonly why?: never } | { readonly why: string }
>
/** The crates are not there, and cannot be had. */
export declare class Unfetched extends Error {}
/** The module, built. */
export declare const build: (tools: { readonly rustc: string; readonly cargo: string }) => Promise<Buffer>
/** The file that embeds it. */
export declare const embedded: (bytes: Buffer) => string
