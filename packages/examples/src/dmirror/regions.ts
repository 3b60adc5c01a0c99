import {
  VirtualRange,
  type AddressSpace,
  type Device,
  type InvalidateEvent,
  type Mirror,
  type MirroredRange,
} from '@hmm-sdk/hmm-api'

/** Pages that one mirror watches, aligned: 32 MiB of 4 KiB pages. */
const REGION_PAGES = 8192

/**
 * Watches all of an address space, by mirrors of aligned regions that are made when they are first
 * used. One mirror of everything would do, if a mirror were free of cost; it has a DMA page for
 * each of its pages.
 */
export class Regions {
  readonly #device: Device
  readonly #space: AddressSpace
  readonly #invalidate: (event: InvalidateEvent) => void
  readonly #regionPages: number
  readonly #mirrors = new Map<number, Promise<Mirror>>()

  constructor(device: Device, space: AddressSpace, invalidate: (event: InvalidateEvent) => void) {
    this.#device = device
    this.#space = space
    this.#invalidate = invalidate
    const { pages = REGION_PAGES } = device.capabilities.require('mirror')
    this.#regionPages = Math.min(REGION_PAGES, pages)
  }

  /**
   * `range` in pieces of at most `pages` pages, each inside the mirror that watches it. Errors:
   * those of `device.mirror`.
   */
  async split(range: VirtualRange, pages: number): Promise<MirroredRange[]> {
    const pieces: MirroredRange[] = []
    for (let start = range.startPage; start < range.endPage;) {
      const mirror = await this.#mirror(Math.floor(start / this.#regionPages))
      const inside = range.intersect(mirror.range) as VirtualRange
      for (const piece of inside.chunks(pages)) pieces.push(mirror.select(piece))
      start = inside.endPage
    }
    return pieces
  }

  /** Stops watching. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#mirrors.values())
    this.#mirrors.clear()
    for (const each of opened) if (each.status === 'fulfilled') await each.value.close()
  }

  #mirror(region: number): Promise<Mirror> {
    const known = this.#mirrors.get(region)
    if (known !== undefined) return known
    const first = region * this.#regionPages
    const shift = Math.log2(this.#space.pageSize)
    const opening = this.#device.mirror(
      this.#space,
      VirtualRange.fromPages(first, this.#regionPages, shift),
      { name: `region ${region}`, invalidate: this.#invalidate },
    )
    this.#mirrors.set(region, opening)
    // The next command tries again, and is told the reason itself.
    opening.catch(() => this.#mirrors.delete(region))
    return opening
  }
}
