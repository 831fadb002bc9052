/**
 * The wire forms that `ephor-node codec` knows.
 */

/** Wire forms by their names on the command line. */
export const formats = ["scale", "bcs", "proto", "json"] as const
/** A wire form by name. */
export type Format = (typeof formats)[number]
