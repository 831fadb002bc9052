/**
 * `ephor-node key`: makes the keys of validators and shows what others may know of them.
 */
import { Keystore } from "@ephor/keystore"
import * as NodeKeystore from "@ephor/keystore/NodeKeystore"
import { fromHex, type ValidatorId } from "@ephor/types"
import { bip39Generate, waitReady } from "@polkadot/wasm-crypto"
import { Console, Effect, Option, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { readOrMakeNodeKey } from "./committee/NodeNetwork.ts"
import { checkPath, readSecret, ss58Address, writeSecret } from "./KeyFile.ts"
import * as NodeLibp2p from "@ephor/network/NodeLibp2p"

const schemes = ["sr25519", "ed25519"] as const
type Scheme = (typeof schemes)[number]

const scheme = Flag.Literals("scheme", schemes).pipe(
  Flag.withDescription("sr25519 for validators and collators, ed25519 for the authors of a DAG"),
  Flag.withDefault("sr25519" as const)
)
const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one line of JSON"),
  Flag.withDefault(false)
)

const publicKeyOf = (secret: Redacted.Redacted<string>, kind: Scheme) =>
  Effect.map(Keystore.Keystore, ({ publicKeys }) => publicKeys[0]!).pipe(
    Effect.provide(
      (kind === "sr25519" ? Keystore.layerSr25519 : NodeKeystore.layerEd25519)({ secrets: [secret] })
    )
  )

const print = (rows: { readonly [name: string]: string }, asJson: boolean) =>
  Console.log(
    asJson
      ? JSON.stringify(rows)
      : Object.entries(rows)
          .map(([name, value]) => `${`${name}:`.padEnd(12)} ${value}`)
          .join("\n")
  )

const publicRows = (kind: Scheme, publicKey: ValidatorId) => ({
  scheme: kind,
  publicKey,
  ss58: ss58Address(fromHex(publicKey))
})

const generate = Command.make(
  "generate",
  {
    scheme,
    json,
    words: Flag.Literals("words", ["12", "24"]).pipe(
      Flag.withDescription("Words of the phrase"),
      Flag.withDefault("12" as const)
    ),
    out: Flag.String("out").pipe(
      Flag.withDescription("File to write the phrase to, readable by its owner only; it is not printed then"),
      Flag.optional
    )
  },
  Effect.fn(function* (given) {
    yield* Effect.promise(() => waitReady())
    // Chance that matters comes from the system, not from the program's own generator.
    const secret = Redacted.make(bip39Generate(given.words === "24" ? 24 : 12), { label: "secret" })
    const rows = publicRows(given.scheme, yield* publicKeyOf(secret, given.scheme))
    if (Option.isSome(given.out)) {
      yield* writeSecret(given.out.value, secret)
      return yield* print({ file: given.out.value, ...rows }, given.json)
    }
    yield* print({ secret: Redacted.value(secret), ...rows }, given.json)
  })
).pipe(Command.withDescription("Make a new key: a phrase, its public key and its address"))

const show = Command.make(
  "show",
  {
    scheme,
    json,
    key: Argument.String("key").pipe(
      Argument.withDescription("File with the secret, or a development key such as //Alice")
    )
  },
  Effect.fn(function* (given) {
    const secret = yield* readSecret(given.key)
    yield* print(publicRows(given.scheme, yield* publicKeyOf(secret, given.scheme)), given.json)
  })
).pipe(Command.withDescription("Print the public key and the address of a key"))

const node = Command.make(
  "node",
  {
    json,
    file: Argument.String("file").pipe(
      Argument.withDescription("File of the node key; made if it does not exist")
    )
  },
  Effect.fn(function* (given) {
    yield* checkPath("the file of the node key", given.file)
    const key = yield* readOrMakeNodeKey(given.file)
    yield* print({ file: given.file, peerId: yield* NodeLibp2p.peerIdOf(key) }, given.json)
  })
).pipe(Command.withDescription("Print the network identity of a node"))

/** The `key` command. */
export const keyCommand = Command.make("key").pipe(
  Command.withDescription("Make and show keys"),
  Command.withSubcommands([generate, show, node])
)
