import type { Interval } from '../mm/interval-tree.js'
import type { NotifierRange } from './notifier-range.js'

/** What an interval notifier does when its range is invalidated. */
export interface NotifierOps {
  /**
   * `mmu_interval_notifier_ops.invalidate`. Calls `setSequence(sequence)` unless it filters the
   * event. False only for a range that is not blockable. A returned function is the second pass.
   */
  invalidate(range: NotifierRange, sequence: number): boolean | (() => void)
}

/** `struct mmu_interval_notifier`: one watched run of pages. */
export class IntervalNotifier implements Interval {
  /** Value of the mm's sequence at the last invalidation of this interval: always odd. */
  sequence = 1

  constructor(
    readonly first: number,
    readonly last: number,
    readonly ops: NotifierOps,
  ) {}

  /** `mmu_interval_set_seq`. */
  setSequence(sequence: number): void {
    this.sequence = sequence
  }

  /** `mmu_interval_read_retry`. */
  readRetry(sequence: number): boolean {
    return this.sequence !== sequence
  }
}
