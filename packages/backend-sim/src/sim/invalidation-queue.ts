/** One delivery to a mirror: the first pass, which may give a second. */
export type Delivery = () => void | (() => void)

/**
 * When mirrors hear of invalidations whose DMA mappings are revoked already: inside the CPU
 * operation, as in the kernel, or shortly after, as over ioctl. `flush` is called before anything
 * that a driver could do with a range that was taken away.
 */
export class InvalidationQueue {
  readonly deferred: boolean
  #waiting: Delivery[] = []
  #flushAsked = false

  constructor(deferred: boolean) {
    this.deferred = deferred
  }

  /** Delivers now, or soon; the second pass is returned if it is still to be run. */
  deliver(delivery: Delivery): void | (() => void) {
    if (!this.deferred) return delivery()
    this.#waiting.push(delivery)
    if (this.#flushAsked) return undefined
    this.#flushAsked = true
    queueMicrotask(() => {
      this.#flushAsked = false
      this.flush()
    })
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
