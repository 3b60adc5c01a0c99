import { POINT_IOVA } from '../sim/failure-point.js'
import type { FailurePoints } from '../sim/failure-point.js'

/** Freed pages that wait before the first block of their size is used again, */
const QUARANTINE_PAGES = 4096
/** but not more blocks than this. */
const QUARANTINE_BLOCKS = 256
/** Places that the ring of a size begins with. */
const FIRST_RING = 16
/** Sizes whose freed blocks are found by index. */
const SMALL = 1024

/** Freed blocks of one size, the oldest first: a ring, since they come and go by the million. */
class FreedBlocks {
  /** A power of two of places. */
  #ring: number[] = Array.from({ length: FIRST_RING }, () => 0)
  /** Place of the oldest. */
  #head = 0
  length = 0
  /** How many are left alone. */
  readonly waiting: number

  constructor(waiting: number) {
    this.waiting = waiting
  }

  push(start: number): void {
    if (this.length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = start
    this.length++
  }

  /** Takes the oldest block if it is aligned and ends at or before `limit`, -1 otherwise. */
  take(pages: number, limit: number, align: number): number {
    if (this.length === 0) return -1
    const start = this.#ring[this.#head]!
    // What was left over beside a block may be of this size and stand anywhere.
    if (start + pages > limit || misaligned(start, align)) return -1
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.length--
    return start
  }

  /** Takes the newest block if it is aligned and ends at or before `limit`, -1 otherwise. */
  takeNewest(pages: number, limit: number, align: number): number {
    if (this.length === 0) return -1
    const start = this.#ring[(this.#head + this.length - 1) & (this.#ring.length - 1)]!
    if (start + pages > limit || misaligned(start, align)) return -1
    this.length--
    return start
  }

  remaining(): number[] {
    const { length } = this
    return Array.from({ length }, (_, i) => this.#ring[(this.#head + i) & (this.#ring.length - 1)]!)
  }

  #grow(): void {
    const all = this.remaining()
    this.#ring = all.concat(all)
    this.#head = 0
  }
}

/** Whether `start` is no multiple; a remainder of large numbers is slow, and most blocks are a page. */
function misaligned(start: number, align: number): boolean {
  return align !== 1 && start % align !== 0
}

/** The size rounded up to a power of two. */
function alignment(pages: number): number {
  return pages === 1 ? 1 : 2 ** (32 - Math.clz32(pages - 1))
}

function waitingBlocks(pages: number): number {
  return Math.min(QUARANTINE_BLOCKS, Math.floor(QUARANTINE_PAGES / pages))
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
  readonly #failures: FailurePoints
  readonly #atOnce: boolean
  /** Pages from here on are beyond the mask. */
  #limit: number
  /** Everything from here to the limit was handed out at some time. */
  #bottom: number
  /** The highest limit so far. */
  #top: number
  readonly #freed = new Map<number, FreedBlocks>()
  /** The small sizes of `#freed` once more. */
  #small: (FreedBlocks | undefined)[] = []
  #used = 0

  constructor(failures: FailurePoints, limit: number, atOnce = false) {
    this.#failures = failures
    this.#atOnce = atOnce
    this.#limit = limit
    this.#bottom = limit
    this.#top = limit
  }

  /** Pages handed out. */
  get used(): number {
    return this.#used
  }

  /** A new mask: pages at or above `limit` are not handed out any more. */
  setLimit(limit: number): void {
    if (this.#used === 0) {
      this.#freed.clear()
      this.#small = []
      this.#bottom = limit
      this.#top = limit
    } else if (limit > this.#top) {
      this.#addFree(this.#top, limit - this.#top)
      this.#top = limit
    } else if (limit < this.#bottom) {
      this.#addFree(limit, this.#bottom - limit)
      this.#bottom = limit
    }
    this.#limit = limit
  }

  /** The first page of a free block, or -1. Page 0 is never handed out. */
  allocate(pages: number): number {
    if (this.#failures.fails(POINT_IOVA)) return -1
    const freed = this.#small[pages]
    const waited = freed !== undefined && freed.length > freed.waiting
    let start = waited ? freed.take(pages, this.#limit, alignment(pages)) : -1
    if (start < 0) start = this.#take(pages, alignment(pages))
    if (start >= 0) this.#used += pages
    return start
  }

  free(start: number, pages: number): void {
    this.#used -= pages
    const freed = this.#small[pages]
    if (freed === undefined) this.#addFree(start, pages)
    else freed.push(start)
  }

  #take(pages: number, align: number): number {
    const freed = this.#freed.get(pages)
    if (freed !== undefined) {
      let again = -1
      if (this.#atOnce) again = freed.takeNewest(pages, this.#limit, align)
      else if (freed.length > freed.waiting) again = freed.take(pages, this.#limit, align)
      if (again >= 0) return again
    }
    const start = Math.floor((this.#bottom - pages) / align) * align
    if (start > 0) {
      if (start + pages < this.#bottom) this.#addFree(start + pages, this.#bottom - start - pages)
      this.#bottom = start
      return start
    }
    const again = freed?.take(pages, this.#limit, align) ?? -1
    return again >= 0 ? again : this.#takeMerged(pages, align)
  }

  /** Joins all freed blocks and takes the highest place that fits: rare, when space runs out. */
  #takeMerged(pages: number, align: number): number {
    const blocks: Block[] = []
    for (const [size, freed] of this.#freed) {
      for (const start of freed.remaining()) blocks.push({ start, pages: size })
    }
    if (this.#bottom > 1) blocks.push({ start: 1, pages: this.#bottom - 1 })
    this.#bottom = 1
    blocks.sort((a, b) => b.start - a.start)
    this.#freed.clear()
    this.#small = []
    const merged: Block[] = []
    for (const block of blocks) {
      const last = merged[merged.length - 1]
      if (last !== undefined && block.start + block.pages === last.start) {
        merged[merged.length - 1] = { start: block.start, pages: block.pages + last.pages }
      } else merged.push(block)
    }
    let found = -1
    for (const block of merged) {
      const end = Math.min(block.start + block.pages, this.#limit)
      const start = Math.floor((end - pages) / align) * align
      if (found >= 0 || start < block.start) {
        this.#addFree(block.start, block.pages)
        continue
      }
      found = start
      const after = block.start + block.pages - start - pages
      if (start > block.start) this.#addFree(block.start, start - block.start)
      if (after > 0) this.#addFree(start + pages, after)
    }
    return found
  }

  #addFree(start: number, pages: number): void {
    let freed = this.#freed.get(pages)
    if (freed === undefined) {
      freed = new FreedBlocks(this.#atOnce ? Infinity : waitingBlocks(pages))
      this.#freed.set(pages, freed)
      if (pages < SMALL) this.#small[pages] = freed
    }
    freed.push(start)
  }
}
