import { HmmError } from '@hmm-sdk/hmm-api'
import type { FrameTable } from './frame-table.js'
import type { HugePool } from './huge-pool.js'
import { MemoryFile } from './memory-file.js'
import type { ReverseMap } from './reverse-map.js'

/**
 * A file in huge pages (hugetlbfs), which is also behind anonymous huge mappings. Its cache holds
 * whole huge pages; shared mappings are promised theirs when they are made.
 */
export class HugetlbFile extends MemoryFile {
  readonly pool: HugePool
  readonly #map: FrameTable
  /** Huge page of the file -> first frame. */
  readonly #cache = new Map<number, number>()
  /** Huge pages of the file that are promised, or were (`struct resv_map`). */
  readonly #promised = new Set<number>()

  constructor(frames: FrameTable, map: ReverseMap, pages: number, pool: HugePool) {
    super(frames, map, pages)
    this.#map = frames
    this.pool = pool
  }

  override find(offset: number): number {
    const { pages } = this.pool
    const first = this.#cache.get(Math.floor(offset / pages))
    return first === undefined ? 0 : first + (offset % pages)
  }

  /** Promises the huge pages of `[first, end)` (offsets); ENOMEM if there are too few. */
  reserve(first: number, end: number): void {
    const { pages } = this.pool
    const missing: number[] = []
    for (let block = first / pages; block < end / pages; block++) {
      if (!this.#promised.has(block)) missing.push(block)
    }
    if (!this.pool.reserve(missing.length)) throw tooFew(this.pool, missing.length)
    for (const block of missing) this.#promised.add(block)
  }

  /** First frame of the huge page at `offset`, made of zeros if it is a hole; 0 if there is none. */
  override findOrCreate(offset: number): number {
    const { pages } = this.pool
    const block = Math.floor(offset / pages)
    const cached = this.#cache.get(block)
    if (cached !== undefined) return cached
    const first = this.pool.take(this.#promised.has(block))
    if (first === 0) return 0
    this.#promised.add(block)
    this.#map.mapping.fill(this.id, first, first + pages)
    for (let i = 0; i < pages; i++) this.#map.index[first + i] = block * pages + i
    this.#cache.set(block, first)
    return first
  }

  /**
   * Drops the huge pages of `[first, end)`. What was promised for holes of a range without an end is
   * given back (`hugetlb_unreserve_pages`).
   */
  override drop(first: number, end: number): void {
    const { pages } = this.pool
    const from = Math.ceil(first / pages)
    const to = end === Infinity ? Infinity : Math.floor(end / pages)
    this.updates?.forget(from * pages, (to - from) * pages)
    for (const [block, frame] of [...this.#cache]) {
      if (block < from || block >= to) continue
      this.#cache.delete(block)
      this.#promised.delete(block)
      this.pool.put(frame)
    }
    if (to !== Infinity) return
    for (const block of [...this.#promised]) {
      if (block < from) continue
      this.#promised.delete(block)
      this.pool.reserved--
    }
  }

  override mapped(first: number, end: number): boolean {
    const { pages } = this.pool
    for (const [block, frame] of this.#cache) {
      if (block * pages >= first && block * pages < end && this.#map.maps[frame]! > 0) return true
    }
    return false
  }

  /** Fills the page at `offset` with zeros, if it is there. */
  zero(offset: number): void {
    const frame = this.find(offset)
    if (frame === 0) return
    this.updates?.forget(offset, 1)
    this.#map.data.release(this.#map.slots[frame]!)
    this.#map.slots[frame] = 0
  }

  override *cached(): Iterable<number> {
    for (const first of this.#cache.values()) {
      for (let frame = first; frame < first + this.pool.pages; frame++) yield frame
    }
  }
}

/** ENOMEM, with the way out. */
export function tooFew(pool: HugePool, wanted: number): HmmError {
  const size = pool.shift === 30 ? '1G' : '2M'
  return new HmmError('ENOMEM', {
    message: `${wanted} huge pages of ${size} are wanted, ${Math.max(0, pool.available)} of ${pool.total} are free`,
    hint: `Reserve more: the simulation's option hugePages: { '${size}': ${pool.total + wanted} }.`,
    retryable: false,
  })
}
