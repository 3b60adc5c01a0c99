import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawWait } from '@hmm-sdk/hmm-api/raw'
import type { Park } from './operation.js'
import type { Scheduler } from './scheduler.js'
import type { WaitQueue } from './wait-queue.js'

/** How long one call may wait, and what aborts it. */
export class Deadline {
  readonly #scheduler: Scheduler
  readonly #signal: AbortSignal | undefined
  readonly #length: number
  #expires: number

  constructor(scheduler: Scheduler, wait: RawWait | undefined) {
    this.#scheduler = scheduler
    this.#signal = wait?.signal
    this.#length = wait?.deadlineMs === undefined ? Infinity : wait.deadlineMs * 1e6
    this.#expires = scheduler.now() + this.#length
  }

  get expired(): boolean {
    return this.#scheduler.now() >= this.#expires
  }

  /** Progress was made: the time starts again (kernel-hmm-dma.md 1.5). */
  restart(): void {
    this.#expires = this.#scheduler.now() + this.#length
  }

  /** Throws EINTR if the signal is aborted. */
  check(): void {
    if (this.#signal?.aborted === true) throw interrupted(this.#signal)
  }

  /** A wait for `queue` that the deadline ends too, and the signal aborts. */
  park(queue: WaitQueue): Park {
    this.check()
    if (this.#signal === undefined && this.#expires === Infinity) return queue.park()
    const signal = this.#signal
    const listen = (wake: () => void): void => {
      const finish = () => {
        forget()
        stop()
        signal?.removeEventListener('abort', finish)
        wake()
      }
      const forget = queue.listen(finish)
      const stop =
        this.#expires === Infinity ? () => {} : this.#scheduler.timerAt(this.#expires, finish)
      signal?.addEventListener('abort', finish, { once: true })
    }
    return { label: queue.label, listen, check: () => this.check() }
  }
}

function interrupted(signal: AbortSignal): HmmError {
  return new HmmError('EINTR', { message: 'the wait was aborted', cause: signal.reason as unknown })
}
