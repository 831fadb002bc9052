/**
 * A list of bounded length in which nobody crowds out others: where there is no more room, whoever has most of it gives way.
 */

/** The items of one owner, by place in the list. */
const byOwner = <A, Owner>(items: ReadonlyArray<A>, ownerOf: (item: A) => Owner) => {
  const places = new Map<Owner, Array<number>>()
  items.forEach((item, place) => {
    const owner = ownerOf(item)
    const known = places.get(owner)
    if (known === undefined) places.set(owner, [place])
    else known.push(place)
  })
  return places
}

/**
 * Adds an item; what had to go for it, if anything: the oldest or the newest of the owner that has most items, the item
 * itself included.
 */
export const add = <A, Owner>(
  items: Array<A>,
  item: A,
  capacity: number,
  ownerOf: (item: A) => Owner,
  giveUp: "oldest" | "newest"
): A | undefined => {
  items.push(item)
  if (items.length <= capacity) return undefined
  let most: ReadonlyArray<number> = []
  for (const places of byOwner(items, ownerOf).values()) if (places.length > most.length) most = places
  const place = giveUp === "oldest" ? most[0]! : most.at(-1)!
  return items.splice(place, 1)[0]
}
