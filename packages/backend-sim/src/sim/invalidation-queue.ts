import type { Scheduler } from './scheduler.js'

/** One delivery to a mirror: the first pass, which may give a second. */
export type Delivery = () => void | (() => void)

/**
 * When mirrors hear of invalidations whose DMA mappings are revoked already: inside the CPU
 * operation, as in the kernel, or shortly after, as over ioctl. `flush` is called before anything
 * that a driver could do with a range that was taken away.
 */
export class InvalidationQueue {
  readonly deferred: boolean
  readonly #scheduler: Scheduler
  #waiting: Delivery[] = []
  #flushAsked = false

  constructor(deferred: boolean, scheduler: Scheduler) {
    this.deferred = deferred
    this.#scheduler = scheduler
  }

  /** Whether the driver has not heard of everything yet. */
  get pending(): boolean {
    return this.#waiting.length > 0
  }

  /** Delivers now, or soon; the second pass is returned if it is still to be run. */
  deliver(delivery: Delivery): void | (() => void) {
    if (!this.deferred) return delivery()
    this.#waiting.push(delivery)
    if (this.#flushAsked) return undefined
    this.#flushAsked = true
    const flush = (): void => {
      this.#flushAsked = false
      this.flush()
    }
    const { explorer } = this.#scheduler
    if (explorer === undefined) queueMicrotask(flush)
    else explorer.spawn('delivery of events', flush, 'later')
    return undefined
  }

  /** Delivers all that waits, in order; then the second passes. */
  flush(): void {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      const second: (() => void)[] = []
      for (const delivery of waiting) {
        const finish = delivery()
        if (typeof finish === 'function') second.push(finish)
      }
      for (const finish of second) finish()
    }
  }

  reset(): void {
    this.#waiting = []
  }
}
