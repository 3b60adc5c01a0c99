import type { SimDmaMapping } from './streaming-mapping.js'

/**
 * The live mappings of one device, in no order. Adding and removing takes the same few nanoseconds
 * however many there are.
 */
export class LiveMappings {
  /** Those behind `#count` are gone; an array that is cut to nothing would be made anew each time. */
  readonly #all: (SimDmaMapping | undefined)[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  /** The place it has until another one is removed. */
  add(mapping: SimDmaMapping): number {
    const place = this.#count++
    this.#all[place] = mapping
    return place
  }

  /** Removes what is at `place`; the last one moves there, and is returned if that is another. */
  remove(place: number): SimDmaMapping | undefined {
    const all = this.#all
    const last = --this.#count
    const moved = all[last]
    all[last] = undefined
    if (last === place) return undefined
    all[place] = moved
    return moved
  }

  /** The one at `place`, 0 to count - 1. */
  at(place: number): SimDmaMapping {
    return this.#all[place]!
  }

  /** A copy. */
  list(): SimDmaMapping[] {
    return this.#all.slice(0, this.#count) as SimDmaMapping[]
  }
}
