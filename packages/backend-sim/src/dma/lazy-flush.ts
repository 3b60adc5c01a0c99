import type { IommuDomain } from './iommu-domain.js'
import { IOPTE_CLASSIC } from './iopte.js'

/** Unmaps that wait at most (`IOVA_DEFAULT_FQ_SIZE`), */
const MOST_WAITING = 256
/** and for how long, in nanoseconds (`IOVA_DEFAULT_FQ_TIMEOUT`). */
const LONGEST_NS = 10e6
/** Translations that the IOMMU remembers. */
const IOTLB_ENTRIES = 4096

/**
 * An IOMMU that forgets late: translations that the device has used keep working after unmap until
 * the flush, which also gives back the addresses. Only `dma_unmap_*` is lazy; windows and mirrors
 * are always flushed.
 */
export class LazyFlush {
  readonly #domain: IommuDomain
  /** Translations of classic mappings that the device has used, the oldest first. */
  readonly #iotlb = new Map<number, number>()
  readonly #waiting: { readonly dmaPage: number; readonly pages: number }[] = []
  #since = 0
  /** Told of each access by a translation that was not flushed yet. */
  onStale: ((dmaPage: number) => void) | undefined

  constructor(domain: IommuDomain) {
    this.#domain = domain
  }

  /** Entry by which the device reaches the page, remembered or not; undefined for none. */
  lookup(dmaPage: number): number | undefined {
    this.flushIfDue()
    const entry = this.#domain.table.get(dmaPage)
    const remembered = this.#iotlb.get(dmaPage)
    if (remembered !== undefined) {
      if (remembered !== entry) this.onStale?.(dmaPage)
      return remembered
    }
    if ((entry & IOPTE_CLASSIC) === 0) return undefined
    if (this.#iotlb.size === IOTLB_ENTRIES) {
      this.#iotlb.delete(this.#iotlb.keys().next().value as number)
    }
    this.#iotlb.set(dmaPage, entry)
    return entry
  }

  unmapped(dmaPage: number, pages: number): void {
    if (this.#waiting.length === 0) this.#since = this.#domain.machine.scheduler.now()
    this.#waiting.push({ dmaPage, pages })
    if (this.#waiting.length >= MOST_WAITING) this.flush()
    else this.flushIfDue()
  }

  flushIfDue(): void {
    if (this.#waiting.length === 0) return
    if (this.#domain.machine.scheduler.now() - this.#since >= LONGEST_NS) this.flush()
  }

  flush(): void {
    this.#iotlb.clear()
    for (const { dmaPage, pages } of this.#waiting.splice(0)) this.#domain.iova.free(dmaPage, pages)
  }
}
