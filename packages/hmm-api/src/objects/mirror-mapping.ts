import { dmaAddress, type DmaAddress, type DmaPage } from '../address/address.js'
import type { VirtualRange } from '../address/virtual-range.js'
import {
  ENTRY_EXCLUSIVE,
  ENTRY_PEER,
  ENTRY_PEER_BUS,
  ENTRY_VALID,
  ENTRY_WRITE,
  entryOrder,
  entryPage,
} from '../entry.js'
import { HmmError } from '../error/hmm-error.js'
import { LentEntries } from './lent-entries.js'

/** Pages that follow each other both in the process and for the device, with the same rights. */
export interface MappedRun {
  /** First page index. */
  readonly first: number
  readonly pages: number
  readonly dmaPage: DmaPage
  readonly writable: boolean
  readonly isDevice: boolean
}

/**
 * The DMA side of a mirrored range, page by page, while it is committed. Throws ESTALE when used
 * after the commit. Page indexes count from 0 in `range`.
 */
export class MirrorMapping extends LentEntries {
  /** @internal */
  constructor(range: VirtualRange, entries: Uint32Array) {
    super(range, entries)
  }

  /** Mirrored ranges are always mapped revocably, or refused. */
  get revocable(): true {
    return true
  }

  protected get what(): string {
    return 'a mapping'
  }

  get pages(): number {
    return this.range.pages
  }

  /** Whether the page is mapped; always true unless mapped with `presentOnly`. */
  isMapped(index: number): boolean {
    return this.has(index, ENTRY_VALID)
  }

  /** Number of the DMA page. EINVAL for a page that is not mapped. */
  dmaPage(index: number): DmaPage {
    if (!this.isMapped(index)) {
      throw new HmmError('EINVAL', {
        op: 'mapping.dmaPage',
        range: this.range,
        page: index,
        message: 'the page is not mapped',
        hint: 'With presentOnly, ask isMapped(index) first.',
      })
    }
    return entryPage(this.entries, index) as DmaPage
  }

  /** DMA address of the page's first byte; a bigint, so prefer {@link dmaPage} in loops. */
  dmaAddress(index: number): DmaAddress {
    return dmaAddress(BigInt(this.dmaPage(index)) << BigInt(this.range.pageShift))
  }

  /** Whether the device may write the page. */
  writable(index: number): boolean {
    return this.has(index, ENTRY_WRITE)
  }

  /** Whether the page belongs to a peer device. */
  isPeer(index: number): boolean {
    return this.has(index, ENTRY_PEER | ENTRY_PEER_BUS)
  }

  /** Whether the device has the page for itself, for atomics. */
  isExclusive(index: number): boolean {
    return this.has(index, ENTRY_EXCLUSIVE)
  }

  /** log2 of the pages that are mapped together from this one on, inside the range. */
  order(index: number): number {
    this.check(index)
    const left = Math.floor(Math.log2(this.range.pages - index))
    return Math.min(entryOrder(this.entries, index), left)
  }

  /** The mapped pages as runs, in order. */
  runs(): MappedRun[] {
    const runs: MappedRun[] = []
    for (let first = 0; first < this.pages;) {
      if (!this.isMapped(first)) {
        first += 1
        continue
      }
      const dmaPage = this.dmaPage(first)
      const writable = this.writable(first)
      const isDevice = this.isDevice(first)
      let pages = 1
      while (
        first + pages < this.pages &&
        this.isMapped(first + pages) &&
        entryPage(this.entries, first + pages) === dmaPage + pages &&
        this.writable(first + pages) === writable &&
        this.isDevice(first + pages) === isDevice
      ) {
        pages += 1
      }
      runs.push({ first, pages, dmaPage, writable, isDevice })
      first += pages
    }
    return runs
  }
}
