import type { VirtualRange } from '../address/virtual-range.js'
import { ENTRY_DEVICE, entryHas } from '../entry.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import type { Context } from './context.js'

/**
 * Entries of a range that are valid inside a commit only: they are lent to it, and throw ESTALE
 * when read at any other time. Page indexes count from 0 in `range`.
 */
export abstract class LentEntries {
  readonly range: VirtualRange
  protected readonly entries: Uint32Array
  /** What it is, in messages. */
  protected abstract readonly what: string
  // Not `#private`, which would be a function called for each object: they are made often.
  private lent: boolean

  protected constructor(range: VirtualRange, entries: Uint32Array) {
    this.range = range
    this.entries = entries
    this.lent = false
  }

  /** Whether the page is in the device's own memory. */
  isDevice(index: number): boolean {
    return this.has(index, ENTRY_DEVICE)
  }

  /** @internal Runs `commit`, which must not wait, and makes the pages readable while it runs. */
  lend<R>(context: Context, commit: (pages: this) => R): R {
    this.lent = true
    try {
      return context.section('a commit', commit, this)
    } finally {
      this.lent = false
    }
  }

  /** Whether the entry has any of the flags (an `ENTRY_*` value). */
  protected has(index: number, flags: number): boolean {
    this.check(index)
    return entryHas(this.entries, index, flags)
  }

  /** ESTALE outside the commit, RangeError outside the range. */
  protected check(index: number): void {
    if (!this.lent) {
      throw new HmmError('ESTALE', {
        range: this.range,
        message: `${this.what} used outside its commit`,
        hint: 'Copy what you need inside the commit; only there it is known to be valid.',
      })
    }
    // A whole number, and no text: it would be appended.
    if (index >>> 0 !== index || index >= this.range.pages) {
      throw new RangeError(`page index ${shown(index)} is outside ${this.range.toString()}`)
    }
  }
}
