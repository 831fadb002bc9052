/**
 * A store of your own: SQLite, which Node brings along, in place of LMDB. Three methods are a store.
 */
import { Store } from "@ephor/store"
import { Extension } from "@ephor/node"
import { Effect, Layer, Option, Stream } from "effect"
import { DatabaseSync } from "node:sqlite"

type Row = { readonly key: Uint8Array; readonly value: Uint8Array }
const copy = (bytes: Uint8Array) => new Uint8Array(bytes)

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`

/** The store in one file; acknowledged is on disk. */
export const layer = (path: string): Layer.Layer<Store.Store, Store.StoreError> =>
  Layer.effect(
    Store.Store,
    Effect.gen(function* () {
      const db = new DatabaseSync(path, { open: false })
      const attempt = <A>(operation: Store.StoreError["operation"], run: () => A) =>
        Effect.try({
          try: run,
          catch: (cause) => {
            const closed = operation !== "open" && !db.isOpen
            const reason = closed ? new Store.StoreClosed({}) : new Store.StoreIo({ cause })
            return new Store.StoreError({ operation, path, reason })
          }
        })
      yield* Effect.acquireRelease(
        attempt("open", () => db.open()),
        () => Effect.sync(() => db.close())
      )
      yield* attempt("open", () => db.exec(schema))

      const select = db.prepare("SELECT value FROM entries WHERE key = ?")
      const upsert = db.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)")
      const remove = db.prepare("DELETE FROM entries WHERE key = ?")
      const range = "SELECT * FROM entries WHERE key BETWEEN ? AND ? AND key"
      const up = db.prepare(`${range} >= ? ORDER BY key LIMIT ?`)
      const down = db.prepare(`${range} <= ? ORDER BY key DESC LIMIT ?`)

      const walk = (prefix: Uint8Array, { from, limit = -1, reverse = false }: Store.IterateOptions) => {
        // No key with this prefix is above the prefix followed by as many 0xff as a key may have bytes.
        const last = new Uint8Array(prefix.length + 2 * Store.maximumKeyBytes).fill(0xff)
        last.set(prefix)
        const rows = reverse
          ? down.all(prefix, last, from ?? last, limit)
          : up.all(prefix, last, from ?? prefix, limit)
        return (rows as unknown as ReadonlyArray<Row>).map(({ key, value }) => ({
          key: copy(key),
          value: copy(value)
        }))
      }
      return Store.Store.of({
        get: (key) =>
          attempt("get", () =>
            Option.map(Option.fromUndefinedOr(select.get(key) as Row | undefined), (row) => copy(row.value))
          ),
        batch: (writes) =>
          attempt("batch", () => {
            db.exec("BEGIN IMMEDIATE")
            try {
              for (const write of writes) {
                if (write._tag === "Put") upsert.run(write.key, write.value)
                else remove.run(write.key)
              }
              db.exec("COMMIT")
            } catch (error) {
              db.exec("ROLLBACK")
              throw error
            }
          }),
        iterate: (prefix, options = {}) =>
          Stream.unwrap(
            Effect.map(
              attempt("iterate", () => walk(prefix, options)),
              Stream.fromIterable
            )
          )
      })
    })
  )

export default Extension.make({ store: layer(process.env["SQLITE_STORE"] ?? "./ephor.sqlite") })
