/** The kinds of settings: what text each takes. */
import * as Endpoint from "@ephor/json-rpc/Endpoint"
import { Option, Result } from "effect"
import * as Secrets from "../Secrets.ts"
import { type About, type AboutWithDefault, setting, type Setting } from "./Setting.ts"

/** Free text that is not empty. */
export const text = (flag: string, about: About | AboutWithDefault<string>): Setting<string> =>
  setting(flag, about, "text", (value) => (value === "" ? Option.none() : Option.some(value)))

/** Text that may be left out. */
export const optionalText = (flag: string, about: About): Setting<string | undefined> =>
  setting<string | undefined>(flag, { ...about, default: undefined }, "text", (value) =>
    value === "" ? Option.none() : Option.some(value)
  )

const pathOf = (value: string): Option.Option<string> =>
  value === "" || Secrets.isLike(value) ? Option.none() : Option.some(value)

/** The path of a file or directory. What looks like a secret is refused without being repeated. */
export const path = (flag: string, about: About | AboutWithDefault<string>): Setting<string> =>
  setting(flag, about, "the path of a file or directory", pathOf)

/** A path that may be left out. */
export const optionalPath = (flag: string, about: About): Setting<string | undefined> =>
  setting<string | undefined>(
    flag,
    { ...about, default: undefined },
    "the path of a file or directory",
    pathOf
  )

/** A comma-separated list of paths; the flag may be repeated. */
export const paths = (
  flag: string,
  about: About | AboutWithDefault<ReadonlyArray<string>>
): Setting<ReadonlyArray<string>> =>
  setting<ReadonlyArray<string>>(flag, about, "a comma-separated list of paths", (value) =>
    Option.all(value.split(",").map((item) => pathOf(item.trim())))
  )

/** Decimal digits within bounds. */
const wholeNumber = (
  value: string,
  minimum = 0,
  maximum = Number.MAX_SAFE_INTEGER
): Option.Option<number> => {
  const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN
  return number >= minimum && number <= maximum ? Option.some(number) : Option.none()
}

/** A whole number within bounds. */
export const integer = (
  flag: string,
  about: (About | AboutWithDefault<number>) & { readonly minimum?: number; readonly maximum?: number }
): Setting<number> => {
  const minimum = about.minimum ?? 0
  const maximum = about.maximum ?? Number.MAX_SAFE_INTEGER
  const expected =
    about.maximum === undefined
      ? `a whole number from ${minimum} on`
      : `a whole number from ${minimum} to ${maximum}`
  return setting(flag, about, expected, (value) => wholeNumber(value, minimum, maximum))
}

/** A whole number that may be left out. */
export const optionalInteger = (flag: string, about: About): Setting<number | undefined> =>
  setting<number | undefined>(
    flag,
    { ...about, default: undefined },
    `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
    (value) => wholeNumber(value)
  )

/** A whole number from a minimum on, or one word that stands for no number. */
export const integerOr = <const Word extends string>(
  flag: string,
  word: Word,
  about: (About | AboutWithDefault<number | Word>) & { readonly minimum?: number }
): Setting<number | Word> => {
  const minimum = about.minimum ?? 0
  return setting<number | Word>(flag, about, `a whole number from ${minimum} on, or ${word}`, (value) =>
    value === word ? Option.some(word) : wholeNumber(value, minimum)
  )
}

/** A TCP port; 0 lets the system choose. */
export const port = (flag: string, about: About | AboutWithDefault<number>): Setting<number> =>
  integer(flag, { ...about, maximum: 65_535 })

const endpointsOf = (texts: ReadonlyArray<string>, protocols: ReadonlyArray<string>) => {
  const found = texts.map((one) => Endpoint.from(one, protocols))
  return found.every(Result.isSuccess) ? Option.some(found.map(({ success }) => success)) : Option.none()
}

const urlsOf = (protocols: ReadonlyArray<string>) => protocols.map((one) => `${one}//`).join(", ")

/** A URL of one of the given protocols. What is secret in it is not shown: see `Endpoint` of `@ephor/json-rpc`. */
export const url = <A extends undefined = never>(
  flag: string,
  about: (About | AboutWithDefault<A>) & { readonly protocols: ReadonlyArray<string> }
): Setting<Endpoint.Endpoint | A> => ({
  ...setting<Endpoint.Endpoint | A>(flag, about, `a URL with ${urlsOf(about.protocols)}`, (value) =>
    Option.map(endpointsOf([value], about.protocols), ([endpoint]) => endpoint!)
  ),
  concealed: true
})

/** A comma-separated list of such URLs; the flag may be repeated. */
export const urls = (
  flag: string,
  about: (About | AboutWithDefault<ReadonlyArray<Endpoint.Endpoint>>) & {
    readonly protocols: ReadonlyArray<string>
  }
): Setting<ReadonlyArray<Endpoint.Endpoint>> => ({
  ...setting<ReadonlyArray<Endpoint.Endpoint>>(
    flag,
    about,
    `a comma-separated list of URLs with ${urlsOf(about.protocols)}`,
    (value) =>
      endpointsOf(
        value.split(",").map((item) => item.trim()),
        about.protocols
      )
  ),
  concealed: true
})

/** A chain id, a decimal number without leading zeros, that may be left out. */
export const optionalChainId = (flag: string, about: About): Setting<string | undefined> =>
  setting<string | undefined>(
    flag,
    { ...about, default: undefined },
    "a chain id as a decimal number",
    (value) => (/^(0|[1-9][0-9]{0,77})$/.test(value) ? Option.some(value) : Option.none())
  )

/** One word of a closed set. */
export const choice = <const Words extends ReadonlyArray<string>>(
  flag: string,
  words: Words,
  about: About | AboutWithDefault<Words[number]>
): Setting<Words[number]> =>
  setting<Words[number]>(flag, about, `one of ${words.join(", ")}`, (value) =>
    words.includes(value) ? Option.some(value) : Option.none()
  )

/** A comma-separated list; the flag may be repeated. */
export const list = (
  flag: string,
  about: About | AboutWithDefault<ReadonlyArray<string>>
): Setting<ReadonlyArray<string>> =>
  setting<ReadonlyArray<string>>(flag, about, "a comma-separated list", (value) => {
    const items = value.split(",").map((item) => item.trim())
    return items.includes("") ? Option.none() : Option.some(items)
  })

/** The words of Go's `strconv.ParseBool`. */
const yes = new Set(["1", "t", "T", "TRUE", "true", "True"])
const no = new Set(["0", "f", "F", "FALSE", "false", "False"])

/** Yes or no, in the words that Go programs take. `--flag` means yes, `--no-flag` means no. */
export const boolean = (flag: string, about: About & { readonly default: boolean }): Setting<boolean> => ({
  ...setting<boolean>(flag, about, "true or false", (value) =>
    yes.has(value) ? Option.some(true) : no.has(value) ? Option.some(false) : Option.none()
  ),
  boolean: true
})
