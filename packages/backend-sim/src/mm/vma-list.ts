import { VM_GROWSDOWN, type Vma } from './vma.js'

/** Pages below a mapping that grows which nobody else is given, in pages (`stack_guard_gap`). */
export const STACK_GUARD_GAP = 256

/** The mappings of an address space, sorted by start; none overlap. Search is O(log n). */
export class VmaList {
  readonly #vmas: Vma[] = []

  get size(): number {
    return this.#vmas.length
  }

  /** The mapping that holds `page`. */
  find(page: number): Vma | undefined {
    const vma = this.#vmas[this.#indexAfter(page)]
    return vma !== undefined && vma.start <= page ? vma : undefined
  }

  /** The first mapping that ends after `page` (`find_vma`). */
  next(page: number): Vma | undefined {
    return this.#vmas[this.#indexAfter(page)]
  }

  /** The last mapping that ends at or before `page`. */
  previous(page: number): Vma | undefined {
    return this.#vmas[this.#indexAfter(page) - 1]
  }

  /** The mappings that have a page in `[start, end)`, in order. */
  overlapping(start: number, end: number): Vma[] {
    const from = this.#indexAfter(start)
    let to = from
    while (to < this.#vmas.length && this.#vmas[to]!.start < end) to++
    return this.#vmas.slice(from, to)
  }

  /** Whether each page of `[start, end)` is in some mapping. */
  covers(start: number, end: number): boolean {
    let at = start
    for (let i = this.#indexAfter(start); at < end; i++) {
      const vma = this.#vmas[i]
      if (vma === undefined || vma.start > at) return false
      at = vma.end
    }
    return true
  }

  insert(vma: Vma): void {
    this.#vmas.splice(this.#indexAfter(vma.start), 0, vma)
  }

  remove(vma: Vma): void {
    const index = this.#indexAfter(vma.start)
    if (this.#vmas[index] !== vma) throw new Error('the mapping is not in the list')
    this.#vmas.splice(index, 1)
  }

  /** Removes `count` adjoining mappings, beginning with `first`. */
  removeRun(first: Vma, count: number): void {
    this.#vmas.splice(this.#indexAfter(first.start), count)
  }

  /**
   * Start of the highest free run of `pages` pages in `[low, high)` at a multiple of `align`; -1 if
   * there is none.
   */
  findGap(pages: number, low: number, high: number, align = 1): number {
    let end = high
    const last = (): number => end - pages - ((end - pages) % align)
    for (let i = this.#indexAfter(high - 1); i >= 0; i--) {
      const vma = this.#vmas[i]
      if (vma === undefined || vma.start >= high) continue
      if (last() >= vma.end) return last()
      const gap = (vma.flags & VM_GROWSDOWN) !== 0 ? STACK_GUARD_GAP : 0
      end = Math.min(end, vma.start - gap)
    }
    return last() >= low ? last() : -1
  }

  [Symbol.iterator](): IterableIterator<Vma> {
    return this.#vmas[Symbol.iterator]()
  }

  /** Index of the first mapping that ends after `page`. */
  #indexAfter(page: number): number {
    let low = 0
    let high = this.#vmas.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#vmas[middle]!.end > page) high = middle
      else low = middle + 1
    }
    return low
  }
}
