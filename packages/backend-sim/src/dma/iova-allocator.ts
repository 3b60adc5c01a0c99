import type { FailurePoints } from '../sim/failure-point.js'

interface Block {
  readonly start: number
  readonly pages: number
}

/**
 * Address space of one IOMMU domain, in pages: from the top below the device's mask, aligned to
 * the size rounded up to a power of two (`alloc_iova`). Freed blocks are used again by requests of
 * the same size first, like the kernel's per-size caches.
 */
export class IovaAllocator {
  readonly #failures: FailurePoints
  /** Pages from here on are beyond the mask. */
  #limit: number
  /** Everything from here to the limit was handed out at some time. */
  #bottom: number
  /** The highest limit so far. */
  #top: number
  readonly #freed = new Map<number, number[]>()
  #used = 0

  constructor(failures: FailurePoints, limit: number) {
    this.#failures = failures
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
    if (this.#failures.fails('iova')) return -1
    const start = this.#take(pages)
    if (start >= 0) this.#used += pages
    return start
  }

  free(start: number, pages: number): void {
    this.#used -= pages
    this.#addFree(start, pages)
  }

  #take(pages: number): number {
    const cached = this.#freed.get(pages)
    if (cached !== undefined && cached.length > 0) {
      const start = cached[cached.length - 1]!
      if (start + pages <= this.#limit) {
        cached.pop()
        return start
      }
    }
    const align = 2 ** Math.ceil(Math.log2(pages))
    const start = Math.floor((this.#bottom - pages) / align) * align
    if (start > 0) {
      if (start + pages < this.#bottom) this.#addFree(start + pages, this.#bottom - start - pages)
      this.#bottom = start
      return start
    }
    return this.#takeMerged(pages, align)
  }

  /** Joins all freed blocks and takes the highest place that fits: rare, when space runs out. */
  #takeMerged(pages: number, align: number): number {
    const blocks: Block[] = []
    for (const [size, starts] of this.#freed) {
      for (const start of starts) blocks.push({ start, pages: size })
    }
    if (this.#bottom > 1) blocks.push({ start: 1, pages: this.#bottom - 1 })
    this.#bottom = 1
    blocks.sort((a, b) => b.start - a.start)
    this.#freed.clear()
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
    const starts = this.#freed.get(pages)
    if (starts === undefined) this.#freed.set(pages, [start])
    else starts.push(start)
  }
}
