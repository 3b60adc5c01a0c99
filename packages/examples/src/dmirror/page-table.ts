import type { DmaAddress, MirrorMapping, VirtualRange } from '@hmm-sdk/hmm-api'

/** What the device may do with a page. `'atomic'` is an exclusive page: it is read, and not written. */
export type PageTag = 'read' | 'write' | 'atomic'

/** One translation of the device. */
export interface PageEntry {
  readonly address: DmaAddress
  /** Number of the DMA page, to find pages that follow each other. */
  readonly dmaPage: number
  readonly tag: PageTag
}

/**
 * The device's page table: page number of the process to DMA page and tag. It holds no reference to
 * a page; an entry is good because the invalidate callback takes it out when it no longer is.
 */
export class PageTable {
  readonly #entries = new Map<number, PageEntry>()

  /** The entry of a page, if it is there and has one of the tags. */
  lookup(page: number, tags: readonly PageTag[]): PageEntry | undefined {
    const entry = this.#entries.get(page)
    return entry !== undefined && tags.includes(entry.tag) ? entry : undefined
  }

  /** Takes over page `index` of a mapping; inside its commit. */
  install(mapping: MirrorMapping, index: number): void {
    const access = mapping.writable(index) ? 'write' : 'read'
    this.#entries.set(mapping.range.startPage + index, {
      address: mapping.dmaAddress(index),
      dmaPage: mapping.dmaPage(index),
      tag: mapping.isExclusive(index) ? 'atomic' : access,
    })
  }

  /** Forgets the pages of `range`. */
  drop(range: VirtualRange): void {
    if (range.pages > this.#entries.size) {
      for (const page of this.#entries.keys()) {
        if (page >= range.startPage && page < range.endPage) this.#entries.delete(page)
      }
    } else {
      for (let page = range.startPage; page < range.endPage; page++) this.#entries.delete(page)
    }
  }

  clear(): void {
    this.#entries.clear()
  }
}
