import { pageFrame, type PageFrame } from '../address/address.js'
import type { VirtualRange } from '../address/virtual-range.js'
import { ENTRY_ERROR, ENTRY_VALID, ENTRY_WRITE, entryOrder, entryPage } from '../entry.js'
import { HmmError } from '../error/hmm-error.js'
import type { IntervalNotifier } from './interval-notifier.js'
import { LentEntries } from './lent-entries.js'

/**
 * What a range fault found, page by page. Readable only inside `notifier.commit`: before that it
 * may be out of date, and after it the pages may move on. Page indexes count from 0 in `range`.
 */
export class FaultedPages extends LentEntries {
  readonly notifier: IntervalNotifier
  /** @internal */
  readonly sequence: number
  #taken = false

  /** @internal */
  constructor(
    notifier: IntervalNotifier,
    range: VirtualRange,
    entries: Uint32Array,
    sequence: number,
  ) {
    super(range, entries)
    this.notifier = notifier
    this.sequence = sequence
  }

  protected get what(): string {
    return 'faulted pages'
  }

  /** Whether the page is present and may be read. Ask it first. `HMM_PFN_VALID` */
  valid(index: number): boolean {
    return this.has(index, ENTRY_VALID)
  }

  /** Whether the page may be written. `HMM_PFN_WRITE` */
  writable(index: number): boolean {
    return this.has(index, ENTRY_VALID) && this.has(index, ENTRY_WRITE)
  }

  /** Whether the page can never be accessed (a hole, or PROT_NONE). `HMM_PFN_ERROR` */
  error(index: number): boolean {
    return this.has(index, ENTRY_ERROR)
  }

  /**
   * log2 of the pages that the CPU maps together around this one, clipped so that the block stays
   * inside `range`, or with `clip: false` as it is: then the block may begin before the range and end
   * behind it, where nothing watches it. `hmm_pfn_to_map_order`
   */
  order(index: number, options: { readonly clip?: boolean } = {}): number {
    this.check(index)
    let order = entryOrder(this.entries, index)
    if (options.clip === false) return order
    while (order > 0) {
      const first = Math.floor((this.range.startPage + index) / 2 ** order) * 2 ** order
      if (first >= this.range.startPage && first + 2 ** order <= this.range.endPage) break
      order -= 1
    }
    return order
  }

  /**
   * The page frame, of a valid page; an opaque identity (equal for the same page) unless the
   * capability `physical-addresses` is there. Throws EINVAL for a page that is not valid.
   *
   * Memory that was only read has the zero page, which is one for all of it. No flag says so: nor does
   * one of `hmm_range_fault`, and a driver need only know that it cannot be written. Who wants to tell
   * compares frames, with those of memory that it has read itself.
   */
  frame(index: number): PageFrame {
    if (!this.valid(index)) {
      throw new HmmError('EINVAL', {
        op: 'pages.frame',
        range: this.range,
        page: index,
        message: 'the page is not present',
        hint: 'Ask valid(index) first, or fault with request read or write.',
      })
    }
    return pageFrame(entryPage(this.entries, index))
  }

  /** @internal The array of its entries, once: a result is committed at most once. */
  take(): Uint32Array {
    if (this.#taken) {
      throw new HmmError('ESTALE', {
        message: 'these pages went through a commit already',
        hint: 'Fault again: what is valid is decided anew for every commit.',
      })
    }
    this.#taken = true
    return this.entries
  }
}
