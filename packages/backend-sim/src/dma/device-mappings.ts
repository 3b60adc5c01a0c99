import type { SimDmaMapping } from './streaming-mapping.js'

/** Place of a mapping that is none of a device's. */
export const NOWHERE = 0x3fff_ffff

/**
 * The mappings of one device: the live ones, in no order, and behind them those that have ended, of
 * which the next are made, as the kernel's checker does with its entries. So to begin and to end
 * one takes the same few nanoseconds however many there are.
 */
export class DeviceMappings {
  private readonly all: SimDmaMapping[] = []
  /** Live ones. */
  count = 0

  /** Makes an ended mapping live and returns it; undefined if there is none. */
  again(): SimDmaMapping | undefined {
    return this.count < this.all.length ? this.all[this.count++] : undefined
  }

  /** A new mapping, live from now on; it is returned. */
  add(mapping: SimDmaMapping): SimDmaMapping {
    const place = this.count++
    if (place < this.all.length) this.put(this.all[place]!, this.all.length)
    this.put(mapping, place)
    return mapping
  }

  /** A mapping has ended; another one may be made of it. False if it is not live. */
  end(mapping: SimDmaMapping): boolean {
    const { place } = mapping
    const last = this.count - 1
    if (place > last) return false
    this.count = last
    if (place < last) this.swap(place, last)
    return true
  }

  /** Nothing is to be made of a mapping that has ended. */
  drop(mapping: SimDmaMapping): void {
    const last = this.all.pop()!
    if (last !== mapping) this.put(last, mapping.place)
    mapping.place = NOWHERE
  }

  /** Whether it is live. */
  holds(mapping: SimDmaMapping): boolean {
    return mapping.place < this.count
  }

  /** The live one at `place`, 0 to count - 1. */
  at(place: number): SimDmaMapping {
    return this.all[place]!
  }

  /** The live ones, a copy. */
  list(): SimDmaMapping[] {
    return this.all.slice(0, this.count)
  }

  private swap(a: number, b: number): void {
    const { all } = this
    const mapping = all[a]!
    this.put(all[b]!, a)
    this.put(mapping, b)
  }

  private put(mapping: SimDmaMapping, place: number): void {
    this.all[place] = mapping
    mapping.place = place
  }
}
