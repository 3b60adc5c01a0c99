import type { TableArena } from './table-arena.js'

/** In the word that leads to a leaf: the leaf is one huge mapping. Shifted out where it is an index. */
const HUGE = 0x8000_0000
/** Page numbers that can be shifted, which is faster. */
const MOST_SHIFTED = 0x7fff_ffff

/**
 * A page table: a radix tree of four levels whose leaves are runs of words in an arena.
 *
 * Callers work on a leaf at a time: `leaf(page)` gives the index in `arena.words` of the leaf's
 * first entry (0 if there is none), `page & mask` the place of the page in it.
 */
export class RadixTable {
  readonly arena: TableArena
  /** Entries of a leaf, less 1. */
  readonly mask: number
  private readonly bits: number
  readonly #leafPages: number
  /** 1 / #leafPages, exact. Page numbers have at most 31 bits more than a leaf covers. */
  readonly #leafShare: number
  readonly #root: number
  /** First and last page that a table was made for. No integers as long as there is none, so that they stay doubles. */
  #lowest = 2 ** 52
  #highest = -1.5
  /** The leaf that was found last, by the number of its pages divided by theirs; -1 for none. */
  private lastHigh = -1
  private lastLeaf = 0

  constructor(arena: TableArena) {
    this.arena = arena
    this.bits = arena.bits
    this.mask = (1 << arena.bits) - 1
    this.#leafPages = 2 ** arena.bits
    this.#leafShare = 1 / this.#leafPages
    this.#root = arena.allocate()
  }

  /** log2 of the pages of one leaf. */
  get order(): number {
    return this.bits
  }

  /** Pages of one leaf. */
  get leafPages(): number {
    return this.#leafPages
  }

  /** Pages of one entry of the level above the leaves' directory (a PUD entry covers it). */
  get pudPages(): number {
    return this.#leafPages * this.#leafPages
  }

  /** Pages of one entry of the root (a PGD entry). */
  get pgdPages(): number {
    return this.#leafPages ** 3
  }

  /** Index of the first word of the leaf that holds `page`, 0 if there is none. */
  leaf(page: number): number {
    const high = page <= MOST_SHIFTED ? page >> this.bits : (page * this.#leafShare) | 0
    return high === this.lastHigh ? this.lastLeaf : this.find(high)
  }

  private find(high: number): number {
    const words = this.arena.words
    const bits = this.bits
    const mask = this.mask
    const pud = words[(this.#root << bits) + ((high >>> (2 * bits)) & mask)]!
    if (pud === 0) return 0
    const pmd = words[(pud << bits) + ((high >>> bits) & mask)]!
    if (pmd === 0) return 0
    const leaf = words[(pmd << bits) + (high & mask)]! << bits
    if (leaf === 0) return 0
    this.lastHigh = high
    this.lastLeaf = leaf
    return leaf
  }

  /** The same, with the tables made that are missing. May replace `arena.words`. */
  ensureLeaf(page: number): number {
    const leaf = this.leaf(page)
    if (leaf !== 0) return leaf
    const bits = this.bits
    const mask = this.mask
    this.#reach(page)
    const high = (page * this.#leafShare) | 0
    const pud = this.#ensure((this.#root << bits) + ((high >>> (2 * bits)) & mask))
    const pmd = this.#ensure((pud << bits) + ((high >>> bits) & mask))
    return this.#ensure((pmd << bits) + (high & mask)) << bits
  }

  /** Makes sure of the table of leaves (PMD) that holds `page`, with no leaf in it yet. */
  ensurePud(page: number): void {
    const bits = this.bits
    this.#reach(page)
    const high = (page * this.#leafShare) | 0
    const pud = this.#ensure((this.#root << bits) + ((high >>> (2 * bits)) & this.mask))
    this.#ensure((pud << bits) + ((high >>> bits) & this.mask))
  }

  /** Whether the leaf that holds `page` is one huge mapping. */
  isHuge(page: number): boolean {
    const word = this.#leafWord(page)
    return word !== 0 && (this.arena.words[word]! & HUGE) !== 0
  }

  /** Marks the leaf that holds `page`, which exists, as one huge mapping, or as 2^bits small ones. */
  setHuge(page: number, huge: boolean): void {
    const { words } = this.arena
    const word = this.#leafWord(page)
    words[word] = huge ? words[word]! | HUGE : words[word]! & ~HUGE
  }

  /** Whether there is a table of `level` (2 below the root, 0 a leaf) over `page`. */
  hasTable(page: number, level: number): boolean {
    const { words } = this.arena
    const bits = this.bits
    const high = (page * this.#leafShare) | 0
    let table = words[(this.#root << bits) + ((high >>> (2 * bits)) & this.mask)]!
    for (let at = 2; at > level && table !== 0; at--) {
      table = words[(table << bits) + ((high >>> ((at - 1) * bits)) & this.mask)]!
    }
    return table !== 0
  }

  /** Frees the leaf that holds `page`; its entries are gone with it. */
  dropLeaf(page: number): void {
    const word = this.#leafWord(page)
    if (word === 0 || this.arena.words[word] === 0) return
    this.lastHigh = -1
    this.arena.release(this.arena.words[word]! & ~HUGE)
    this.arena.words[word] = 0
  }

  /** The leaf at `from`, huge or not, becomes that of `to`, which has none. */
  moveLeaf(from: number, to: number): void {
    this.ensurePud(to)
    this.lastHigh = -1
    const { words } = this.arena
    const source = this.#leafWord(from)
    words[this.#leafWord(to)] = words[source]!
    words[source] = 0
  }

  /** Entry of `page`, 0 if there is none. */
  get(page: number): number {
    const leaf = this.leaf(page)
    return leaf === 0 ? 0 : this.arena.words[leaf + (page & this.mask)]!
  }

  set(page: number, entry: number): void {
    let leaf = this.leaf(page)
    if (leaf === 0) leaf = this.ensureLeaf(page)
    this.arena.words[leaf + (page & this.mask)] = entry
  }

  /** Clears the entry of `page`; what it was. */
  take(page: number): number {
    // Without a leaf that is a word of table 0, which is nobody's: always 0.
    const at = this.leaf(page) + (page & this.mask)
    const { words } = this.arena
    const entry = words[at]!
    words[at] = 0
    return entry
  }

  /** The first page of the first leaf at or after `page` and before `end`; `end` if there is none. */
  nextLeaf(page: number, end: number): number {
    let at = page
    while (at < end) {
      const words = this.arena.words
      const bits = this.bits
      const high = (at * this.#leafShare) | 0
      const pud = words[(this.#root << bits) + ((high >>> (2 * bits)) & this.mask)]!
      if (pud === 0) {
        at = (Math.floor(at / this.pgdPages) + 1) * this.pgdPages
        continue
      }
      const pmd = words[(pud << bits) + ((high >>> bits) & this.mask)]!
      if (pmd === 0) {
        at = (Math.floor(at / this.pudPages) + 1) * this.pudPages
        continue
      }
      if (words[(pmd << bits) + (high & this.mask)] !== 0) return at
      at = (high + 1) * this.#leafPages
    }
    return end
  }

  /** End of the largest run without tables that begins with the entry of `page`; no leaf there. */
  holeEnd(page: number): number {
    const words = this.arena.words
    const bits = this.bits
    const high = (page * this.#leafShare) | 0
    const pud = words[(this.#root << bits) + ((high >>> (2 * bits)) & this.mask)]!
    if (pud === 0) return (Math.floor(page / this.pgdPages) + 1) * this.pgdPages
    const pmd = words[(pud << bits) + ((high >>> bits) & this.mask)]!
    if (pmd === 0) return (Math.floor(page / this.pudPages) + 1) * this.pudPages
    return (high + 1) * this.#leafPages
  }

  /** The first page at or after `page` whose PUD entry exists; `end` if there is none before it. */
  nextPud(page: number, end: number): number {
    let at = page
    while (at < end) {
      const words = this.arena.words
      const bits = this.bits
      const high = (at * this.#leafShare) | 0
      const pud = words[(this.#root << bits) + ((high >>> (2 * bits)) & this.mask)]!
      if (pud === 0) {
        at = (Math.floor(at / this.pgdPages) + 1) * this.pgdPages
        continue
      }
      if (words[(pud << bits) + ((high >>> bits) & this.mask)] !== 0) return at
      at = (Math.floor(at / this.pudPages) + 1) * this.pudPages
    }
    return end
  }

  /**
   * Frees the tables over `[start, end)` that lie wholly inside `[floor, ceiling)`, where nothing
   * is mapped any more (`free_pgtables`).
   */
  freeTables(start: number, end: number, floor: number, ceiling: number): void {
    this.#freeBelow(this.#root, 3, 0, start, end, floor, ceiling)
  }

  /** Frees everything; the table is not to be used after it. */
  destroy(): void {
    if (this.#lowest <= this.#highest) {
      this.#freeBelow(this.#root, 3, 0, this.#lowest, this.#highest + 1, 0, Infinity)
    }
    this.arena.release(this.#root)
  }

  /** `table` is at `level` (3 root, 0 leaf) and its first page is `base`. */
  #freeBelow(
    table: number,
    level: number,
    base: number,
    start: number,
    end: number,
    floor: number,
    ceiling: number,
  ): void {
    this.lastHigh = -1
    const span = 2 ** (this.bits * level)
    const first = Math.max(0, Math.floor((start - base) / span))
    const last = Math.min(this.mask, Math.ceil((end - base) / span) - 1)
    const { words } = this.arena
    const begin = table << this.bits
    for (let i = first; i <= last; i++) {
      const word = begin + i
      const child = words[word]!
      if (child === 0) continue
      const childBase = base + i * span
      if (level > 1) this.#freeBelow(child, level - 1, childBase, start, end, floor, ceiling)
      if (childBase >= floor && childBase + span <= ceiling) {
        this.arena.release(child & ~HUGE)
        words[word] = 0
      }
    }
  }

  /** Index of the word that leads to the leaf of `page`, 0 if there is no table for it. */
  #leafWord(page: number): number {
    const { words } = this.arena
    const bits = this.bits
    const high = (page * this.#leafShare) | 0
    const pud = words[(this.#root << bits) + ((high >>> (2 * bits)) & this.mask)]!
    if (pud === 0) return 0
    const pmd = words[(pud << bits) + ((high >>> bits) & this.mask)]!
    return pmd === 0 ? 0 : (pmd << bits) + (high & this.mask)
  }

  /** There is a table for `page` soon. */
  #reach(page: number): void {
    if (page < this.#lowest) this.#lowest = page
    if (page > this.#highest) this.#highest = page
  }

  #ensure(word: number): number {
    const table = this.arena.words[word]!
    if (table !== 0) return table
    const fresh = this.arena.allocate()
    this.arena.words[word] = fresh
    return fresh
  }
}
