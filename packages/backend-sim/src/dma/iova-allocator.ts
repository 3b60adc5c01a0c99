import { powerOfTwo } from './power-of-two.js'
import { POINT_IOVA } from '../sim/failure-point.js'
import type { FailurePoints } from '../sim/failure-point.js'

/** Freed pages that wait before the first block of their size is used again, */
const QUARANTINE_PAGES = 4096
/** but not more blocks than this. */
const QUARANTINE_BLOCKS = 256
/** As many as there are never. */
const ALL_BLOCKS = 0x3fff_ffff
/** Places that the ring of a size begins with. */
const FIRST_RING = 16

/** Freed blocks of one size, the oldest first: a ring, since they come and go by the million. */
class FreedBlocks {
  readonly pages: number
  /** How many are left alone. */
  readonly waiting: number
  length = 0
  /** A power of two of places. */
  private ring: number[] = []
  /** Place of the oldest. */
  private head = 0

  constructor(pages: number, atOnce: boolean) {
    this.pages = pages
    const waiting = Math.min(QUARANTINE_BLOCKS, Math.floor(QUARANTINE_PAGES / pages))
    this.waiting = atOnce ? ALL_BLOCKS : waiting
  }

  push(start: number): void {
    if (this.length === this.ring.length) this.grow()
    this.ring[(this.head + this.length++) & (this.ring.length - 1)] = start
  }

  /** Takes the oldest block if it has waited and is below `limit`; -1 otherwise. */
  takeWaited(limit: number): number {
    return this.length > this.waiting ? this.take(limit) : -1
  }

  /** Takes the oldest block, of at least one, if it is below `limit`; -1 otherwise. */
  take(limit: number): number {
    const { ring, head } = this
    const start = ring[head]!
    if (start + this.pages > limit) return -1
    this.head = (head + 1) & (ring.length - 1)
    this.length--
    return start
  }

  /** The same with the newest. */
  takeNewest(limit: number): number {
    const start = this.ring[(this.head + this.length - 1) & (this.ring.length - 1)]!
    if (start + this.pages > limit) return -1
    this.length--
    return start
  }

  blocks(): Block[] {
    return this.remaining().map((start) => ({ start, pages: this.pages }))
  }

  private remaining(): number[] {
    const { ring, head, length } = this
    return Array.from({ length }, (_, i) => ring[(head + i) & (ring.length - 1)]!)
  }

  private grow(): void {
    const all = this.remaining()
    this.ring = all.length === 0 ? Array.from({ length: FIRST_RING }, () => 0) : all.concat(all)
    this.head = 0
  }
}

/** The size rounded up to a power of two. */
function alignment(pages: number): number {
  return pages === 1 ? 1 : powerOfTwo(32 - Math.clz32(pages - 1))
}

/** The last multiple up to `page`. (A remainder of small integers is one, a quotient is none.) */
function alignDown(page: number, align: number): number {
  return align === 1 ? page : page - (page % align)
}

interface Block {
  readonly start: number
  readonly pages: number
}

/**
 * Address space of one IOMMU domain, in pages: from the top below the device's mask, aligned to
 * the size rounded up to a power of two (`alloc_iova`).
 *
 * A freed block is left alone until many others of its size were freed, so that a device that uses
 * an address after it was unmapped meets a fault and not somebody else's page. (The kernel gives
 * that up for speed: its caches hand out the last freed block first, as `atOnce` does here.)
 */
export class IovaAllocator {
  private readonly failures: FailurePoints
  readonly #atOnce: boolean
  /** Pages from here on are beyond the mask. */
  private limit: number
  /** Everything from here to the limit was handed out at some time. */
  #bottom: number
  /** The highest limit so far. */
  #top: number
  /** Freed blocks of one page, which most are, and of other sizes. */
  private ones: FreedBlocks
  readonly #freed = new Map<number, FreedBlocks>()
  /** What is free beside all that; used when space runs out. */
  #rests: Block[] = []
  /** Pages handed out. */
  used = 0

  constructor(failures: FailurePoints, limit: number, atOnce = false) {
    this.failures = failures
    this.#atOnce = atOnce
    this.limit = limit
    this.#bottom = limit
    this.#top = limit
    this.ones = new FreedBlocks(1, atOnce)
  }

  /** A new mask: pages at or above `limit` are not handed out any more. */
  setLimit(limit: number): void {
    if (this.used === 0) {
      this.#forget()
      this.#bottom = limit
      this.#top = limit
    } else if (limit > this.#top) {
      this.#rests.push({ start: this.#top, pages: limit - this.#top })
      this.#top = limit
    } else if (limit < this.#bottom) {
      this.#rests.push({ start: limit, pages: this.#bottom - limit })
      this.#bottom = limit
    }
    this.limit = limit
  }

  /** The first page of a free block, or -1. Page 0 is never handed out. */
  allocate(pages: number): number {
    if (this.failures.fails(POINT_IOVA)) return -1
    const freed = pages === 1 ? this.ones : this.freedOf(pages)
    let start = freed.takeWaited(this.limit)
    if (start < 0) start = this.takeOther(pages, freed)
    if (start >= 0) this.used += pages
    return start
  }

  free(start: number, pages: number): void {
    this.used -= pages
    const freed = pages === 1 ? this.ones : this.freedOf(pages)
    freed.push(start)
  }

  private freedOf(pages: number): FreedBlocks {
    let freed = this.#freed.get(pages)
    if (freed === undefined) {
      freed = new FreedBlocks(pages, this.#atOnce)
      this.#freed.set(pages, freed)
    }
    return freed
  }

  private takeOther(pages: number, freed: FreedBlocks): number {
    const newest = this.#atOnce && freed.length > 0 ? freed.takeNewest(this.limit) : -1
    if (newest >= 0) return newest
    const align = alignment(pages)
    const start = alignDown(this.#bottom - pages, align)
    if (start > 0) {
      const end = start + pages
      if (end < this.#bottom) this.#rests.push({ start: end, pages: this.#bottom - end })
      this.#bottom = start
      return start
    }
    const again = freed.length > 0 ? freed.take(this.limit) : -1
    return again >= 0 ? again : this.#takeMerged(pages, align)
  }

  /** Joins all that is free and takes the highest place that fits: rare, when space runs out. */
  #takeMerged(pages: number, align: number): number {
    const blocks = [...this.#rests, ...this.ones.blocks()]
    for (const freed of this.#freed.values()) blocks.push(...freed.blocks())
    if (this.#bottom > 1) blocks.push({ start: 1, pages: this.#bottom - 1 })
    this.#bottom = 1
    blocks.sort((a, b) => b.start - a.start)
    this.#forget()
    const merged: Block[] = []
    for (const block of blocks) {
      const last = merged[merged.length - 1]
      if (last !== undefined && block.start + block.pages === last.start) {
        merged[merged.length - 1] = { start: block.start, pages: block.pages + last.pages }
      } else merged.push(block)
    }
    let found = -1
    for (const block of merged) {
      const end = Math.min(block.start + block.pages, this.limit)
      const start = alignDown(end - pages, align)
      if (found >= 0 || start < block.start) {
        this.#rests.push(block)
        continue
      }
      found = start
      const after = block.start + block.pages - start - pages
      if (start > block.start) {
        this.#rests.push({ start: block.start, pages: start - block.start })
      }
      if (after > 0) this.#rests.push({ start: start + pages, pages: after })
    }
    return found
  }

  /** Nothing that was freed is known any more. */
  #forget(): void {
    this.ones = new FreedBlocks(1, this.#atOnce)
    this.#freed.clear()
    this.#rests = []
  }
}
