import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import type { Scheduler } from '../sim/scheduler.js'
import { WaitQueue } from '../sim/wait-queue.js'

/**
 * `mmap_lock`: many readers or one writer; a waiting writer keeps new readers out. ESRCH once the
 * address space is gone.
 */
export class MmapLock {
  readonly #free = new WaitQueue('mmap_lock')
  #readers = 0
  #writer = false
  #writersWaiting = 0
  #dead = false
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** The address space is gone: whoever waits for the lock, or comes later, gets ESRCH. */
  kill(): void {
    this.#dead = true
  }

  *read(): Operation<void> {
    const scheduler = this.#scheduler
    if (scheduler.stopsAt('lock', this, false)) yield scheduler.stop
    while (this.#writer || this.#writersWaiting > 0) yield this.#free.park()
    this.#checkAlive()
    this.#readers++
  }

  /** Takes back what `releaseRead` gave, also of an address space that is gone by now. */
  *resume(): Operation<void> {
    while (this.#writer || this.#writersWaiting > 0) yield this.#free.park()
    this.#readers++
  }

  releaseRead(): void {
    this.#readers--
    if (this.#readers === 0) this.#free.wakeAll()
  }

  *write(): Operation<void> {
    const scheduler = this.#scheduler
    if (scheduler.stopsAt('lock', this)) yield scheduler.stop
    if (this.#writer || this.#readers > 0) {
      this.#writersWaiting++
      try {
        while (this.#writer || this.#readers > 0) yield this.#free.park()
      } finally {
        this.#writersWaiting--
      }
    }
    this.#checkAlive()
    this.#writer = true
  }

  releaseWrite(): void {
    this.#writer = false
    this.#free.wakeAll()
  }

  #checkAlive(): void {
    if (this.#dead) throw new HmmError('ESRCH', { message: 'the process is gone' })
  }
}
