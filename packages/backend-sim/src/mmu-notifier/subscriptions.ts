import { IntervalTree } from '../mm/interval-tree.js'
import type { Deadline } from '../sim/deadline.js'
import type { Operation } from '../sim/operation.js'
import { WaitQueue } from '../sim/wait-queue.js'
import type { IntervalNotifier } from './interval-notifier.js'
import type { NotifierRange } from './notifier-range.js'

/**
 * The interval notifiers of one address space and their sequence protocol
 * (`struct mmu_notifier_subscriptions`, kernel-hmm-dma.md 2.2).
 *
 * `sequence` is odd while an invalidation that met an interval runs, and even otherwise. While it
 * is odd the tree must not change: insertions and removals are put off to the end of the last
 * running invalidation.
 */
export class NotifierSubscriptions {
  readonly #tree = new IntervalTree<IntervalNotifier>()
  readonly #deferred = new Set<IntervalNotifier>()
  readonly #changed = new WaitQueue('end of an invalidation')
  #sequence = 2
  #active = 0

  get size(): number {
    return this.#tree.size
  }

  get #invalidating(): boolean {
    return (this.#sequence & 1) !== 0
  }

  /** `mmu_interval_notifier_insert`. */
  insert(notifier: IntervalNotifier): void {
    if (this.#active === 0) {
      notifier.sequence = this.#sequence - 1
      this.#tree.insert(notifier)
      return
    }
    // Which ranges the running invalidations cover is not known any more: assume this one.
    if (this.#invalidating) this.#deferred.add(notifier)
    else {
      this.#sequence |= 1
      this.#tree.insert(notifier)
    }
    notifier.sequence = this.#sequence
  }

  /** `mmu_interval_notifier_remove`: waits until no callback of it runs or can run. */
  *remove(notifier: IntervalNotifier): Operation<void> {
    if (!this.#invalidating) {
      this.#tree.remove(notifier)
      return
    }
    if (!this.#tree.has(notifier)) {
      this.#deferred.delete(notifier)
      return
    }
    this.#deferred.add(notifier)
    const sequence = this.#sequence
    while (this.#sequence === sequence) yield this.#changed.park()
  }

  /** `mmu_interval_read_begin`. Waits while this very interval is being invalidated. */
  *readBegin(notifier: IntervalNotifier, deadline: Deadline): Operation<number> {
    const sequence = notifier.sequence
    while (this.#sequence === sequence && !deadline.expired) yield deadline.park(this.#changed)
    return sequence
  }

  /** Whether a reader that begins now would have to wait. */
  blocks(notifier: IntervalNotifier): boolean {
    return notifier.sequence === this.#sequence
  }

  /**
   * `mmu_notifier_invalidate_range_start`. False if the range is not blockable and a notifier
   * would have to wait: then the operation must leave the range alone, and `end` is not called.
   */
  start(range: NotifierRange): boolean {
    const second = this.startFirst(range)
    if (second === false) return false
    if (second !== undefined) for (const finish of second) finish()
    return true
  }

  /**
   * The same without the second passes (`invalidate_finish`), which the caller has to run, in order,
   * before anything else; undefined if there are none.
   */
  startFirst(range: NotifierRange): readonly (() => void)[] | undefined | false {
    this.#active++
    if (this.#tree.size === 0) return undefined
    const met = this.#tree.overlaps(range.start, range.end - 1)
    if (met.length === 0) return undefined
    this.#sequence |= 1
    const sequence = this.#sequence
    let finish: (() => void)[] | undefined
    let willing = true
    for (const notifier of met) {
      const answer = notifier.ops.invalidate(range, sequence)
      if (typeof answer === 'function') (finish ??= []).push(answer)
      else if (!answer && !range.blockable) {
        // The others are not asked any more (`mn_itree_invalidate`).
        willing = false
        break
      }
    }
    if (willing) return finish
    if (finish !== undefined) for (const second of finish) second()
    this.end()
    return false
  }

  /** `mmu_notifier_invalidate_range_end`. */
  end(): void {
    this.#active--
    if (this.#active > 0 || !this.#invalidating) return
    this.#sequence++
    for (const notifier of this.#deferred) {
      if (this.#tree.has(notifier)) this.#tree.remove(notifier)
      else this.#tree.insert(notifier)
    }
    this.#deferred.clear()
    this.#changed.wakeAll()
  }
}
