import { shown } from '../error/shown.js'
import { virtualAddress, type VirtualAddress } from './address.js'

const MARK = Symbol.for('@hmm-sdk/hmm-api:VirtualRange')

/**
 * A run of whole pages of one address space: what drivers work on instead of addresses.
 *
 * Corresponds to the `[start, end)` of the kernel's `struct hmm_range` and
 * `struct mmu_notifier_range`. Immutable.
 */
export class VirtualRange {
  /** Number of the first page: `start` divided by the page size. */
  readonly startPage: number
  /** Number of pages, at least 1. */
  readonly pages: number
  /** log2 of the page size in bytes: 12, 14 or 16. */
  readonly pageShift: number

  private constructor(startPage: number, pages: number, pageShift: number) {
    this.startPage = startPage
    this.pages = pages
    this.pageShift = pageShift
  }

  /**
   * The range of `pages` pages from `start`.
   *
   * Throws TypeError if `pages` is not a positive integer, RangeError if `start` is not aligned to
   * a page or the range wraps around the end of the 64-bit address space.
   */
  static of(start: VirtualAddress, pages: number, pageShift = 12): VirtualRange {
    const size = 1n << BigInt(pageShift)
    checkAddress('start', start)
    if (start % size !== 0n) {
      throw new RangeError(
        `start 0x${start.toString(16)} is not aligned to ${size} bytes: ` +
          `use 0x${(start - (start % size)).toString(16)}`,
      )
    }
    return VirtualRange.fromPages(Number(start / size), pages, pageShift)
  }

  /** The range of `pages` pages from page number `startPage`. Throws like {@link of}. */
  static fromPages(startPage: number, pages: number, pageShift = 12): VirtualRange {
    if (pageShift !== 12 && pageShift !== 14 && pageShift !== 16) {
      throw new TypeError(`page shift ${shown(pageShift)} is not one of 12, 14, 16`)
    }
    if (!Number.isSafeInteger(pages) || pages <= 0) {
      throw new TypeError(`a range has a positive whole number of pages, not ${shown(pages)}`)
    }
    if (!Number.isSafeInteger(startPage) || startPage < 0) {
      throw new TypeError(`${shown(startPage)} is not a page number`)
    }
    if (startPage + pages > 2 ** (64 - pageShift)) {
      throw new RangeError(`${pages} pages from page ${startPage} wrap around the address space`)
    }
    return new VirtualRange(startPage, pages, pageShift)
  }

  /** Whether `value` is a VirtualRange, of any copy of this package. */
  static is(value: unknown): value is VirtualRange {
    return value instanceof VirtualRange || isMarked(value)
  }

  /** Address of the first byte. */
  get start(): VirtualAddress {
    return virtualAddress(BigInt(this.startPage) << BigInt(this.pageShift))
  }

  /** Address of the first byte after the range; 2^64 for a range that ends the address space. */
  get end(): bigint {
    return BigInt(this.endPage) << BigInt(this.pageShift)
  }

  /** Number of the first page after the range. */
  get endPage(): number {
    return this.startPage + this.pages
  }

  /** Size of a page in bytes. */
  get pageSize(): number {
    return 2 ** this.pageShift
  }

  /** Size in bytes. */
  get bytes(): number {
    return this.pages * this.pageSize
  }

  /** Address of the byte at `offset`, 0 <= offset < bytes. Throws RangeError outside. */
  at(offset: number): VirtualAddress {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset >= this.bytes) {
      throw new RangeError(`offset ${shown(offset)} is outside ${this.toString()}`)
    }
    return virtualAddress(this.start + BigInt(offset))
  }

  /** Byte offset of `address` in the range. Throws RangeError outside. */
  offset(address: VirtualAddress): number {
    const offset = Number(checkAddress('address', address) - this.start)
    if (offset < 0 || offset >= this.bytes) {
      throw new RangeError(`address 0x${address.toString(16)} is outside ${this.toString()}`)
    }
    return offset
  }

  /** Index, from 0, of the page that holds `address`. Throws RangeError outside. */
  pageIndex(address: VirtualAddress): number {
    return Math.floor(this.offset(address) / this.pageSize)
  }

  /** Index, from 0, of the first page of `inner`, which must lie inside; RangeError otherwise. */
  indexOf(inner: VirtualRange): number {
    if (!this.containsRange(inner)) {
      throw new RangeError(`${inner.toString()} is not inside ${this.toString()}`)
    }
    return inner.startPage - this.startPage
  }

  /** The `pages` pages from page index `firstPage`, to the end by default. RangeError outside. */
  slice(firstPage: number, pages: number = this.pages - firstPage): VirtualRange {
    if (!Number.isSafeInteger(firstPage) || firstPage < 0 || firstPage + pages > this.pages) {
      throw new RangeError(
        `pages ${shown(firstPage)}..+${shown(pages)} are outside ${this.toString()}`,
      )
    }
    return VirtualRange.fromPages(this.startPage + firstPage, pages, this.pageShift)
  }

  /** The one page at page index `index`. */
  page(index: number): VirtualRange {
    return this.slice(index, 1)
  }

  /** The range in pieces of at most `pages` pages, in order. */
  chunks(pages: number): VirtualRange[] {
    if (!Number.isSafeInteger(pages) || pages <= 0) {
      throw new TypeError(`a chunk has a positive whole number of pages, not ${shown(pages)}`)
    }
    return Array.from({ length: Math.ceil(this.pages / pages) }, (_, index) =>
      this.slice(index * pages, Math.min(pages, this.pages - index * pages)),
    )
  }

  contains(address: VirtualAddress): boolean {
    return address >= this.start && address < this.end
  }

  containsRange(other: VirtualRange): boolean {
    return (
      checkRange(other).pageShift === this.pageShift &&
      other.startPage >= this.startPage &&
      other.endPage <= this.endPage
    )
  }

  overlaps(other: VirtualRange): boolean {
    return this.startPage < checkRange(other).endPage && other.startPage < this.endPage
  }

  /** The pages that are in both, or undefined if there are none. */
  intersect(other: VirtualRange): VirtualRange | undefined {
    const start = Math.max(this.startPage, checkRange(other).startPage)
    const end = Math.min(this.endPage, other.endPage)
    return start < end ? VirtualRange.fromPages(start, end - start, this.pageShift) : undefined
  }

  equals(other: VirtualRange): boolean {
    return (
      this.startPage === checkRange(other).startPage &&
      this.pages === other.pages &&
      this.pageShift === other.pageShift
    )
  }

  toString(): string {
    return `0x${this.start.toString(16)}+${this.pages}p`
  }
}

function checkAddress(name: string, address: VirtualAddress): VirtualAddress {
  if (typeof address === 'bigint') return address
  throw new TypeError(`${name} is not a VirtualAddress but ${shown(address)}`)
}

// What compares with anything would be false for an event in place of its range, without a word.
function checkRange(other: VirtualRange): VirtualRange {
  if (VirtualRange.is(other)) return other
  throw new TypeError(`${shown(other)} is not a VirtualRange`)
}

function isMarked(value: unknown): boolean {
  return typeof value === 'object' && value !== null && MARK in value
}

// Of the class, not of each range: defining a property takes longer than making a range.
Object.defineProperty(VirtualRange.prototype, MARK, { value: true })
