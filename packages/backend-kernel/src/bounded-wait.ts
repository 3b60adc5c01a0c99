import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawWait } from '@hmm-sdk/hmm-api/raw'
import { EBUSY, EINTR } from './call-error.js'
import type { PendingCall } from './native.js'
import { nowNs } from './now-ns.js'
import { startTimer } from './timer.js'

/** How long the module tries before it answers EBUSY, so that it sees aborted waits soon. */
const SLICE_NS = 500e6

/**
 * The end of one waiting call: its signal and its deadline. The module is given deadlines in
 * slices; a call that sleeps in the kernel beyond them (a page fault that nobody serves) is
 * abandoned: the wait ends, and what the call did in the end is taken back.
 */
export class BoundedWait {
  readonly #signal: AbortSignal | undefined
  readonly #lengthNs: number
  #endNs: number
  #restarted: () => void = () => undefined

  constructor(wait: RawWait) {
    this.#signal = wait.signal
    this.#lengthNs = wait.deadlineMs === undefined ? Infinity : wait.deadlineMs * 1e6
    this.#endNs = nowNs() + this.#lengthNs
  }

  /** Progress was made: the time starts again, as in hmm_range_fault_unlocked_timeout. */
  restart(): void {
    this.#endNs = nowNs() + this.#lengthNs
    this.#restarted()
  }

  /** Absolute CLOCK_MONOTONIC nanoseconds for `deadline` of a call. */
  deadline(): number {
    return Math.ceil(Math.min(this.#endNs, nowNs() + SLICE_NS))
  }

  /** Whether the deadline has passed. */
  get isOver(): boolean {
    return nowNs() >= this.#endNs
  }

  /** Throws EINTR when the signal was aborted. */
  check(): void {
    if (this.#signal?.aborted) throw this.#interrupted(this.#signal)
  }

  /**
   * The result of a call, or EINTR or EBUSY when the wait ends first. Then the call is cancelled,
   * and `late` gets its result when it ends at last.
   */
  async for(pending: PendingCall, late: (result: number) => void): Promise<number> {
    const signal = this.#signal
    if (signal === undefined && this.#endNs === Infinity) return pending.result
    let given = false
    return new Promise<number>((resolve, reject) => {
      const settle = (): boolean => {
        if (given) return false
        given = true
        stop()
        this.#restarted = () => undefined
        signal?.removeEventListener('abort', aborted)
        return true
      }
      const abandon = (error: HmmError): void => {
        if (!settle()) return
        pending.cancel()
        void pending.result.then(late)
        reject(error)
      }
      const aborted = (): void => abandon(this.#interrupted(signal as AbortSignal))
      let stop = (): void => undefined
      const start = (): void => {
        stop()
        if (this.#endNs === Infinity) return
        // The module itself answers at the deadline; this is for calls that sleep beyond it.
        const left = Math.max(0, (this.#endNs - nowNs()) / 1e6)
        stop = startTimer(left + 100, () => abandon(overdue()))
      }
      start()
      this.#restarted = start
      signal?.addEventListener('abort', aborted, { once: true })
      if (signal?.aborted) aborted()
      void pending.result.then((result) => {
        if (settle()) resolve(result)
      })
    })
  }

  /** Whether a call that answered `result` is to be run again: not yet over, only not yet done. */
  mayRepeat(result: number): boolean {
    this.check()
    return (result === -EBUSY || result === -EINTR) && !this.isOver
  }

  #interrupted(signal: AbortSignal): HmmError {
    return new HmmError('EINTR', { message: 'aborted by its signal', cause: signal.reason })
  }
}

function overdue(): HmmError {
  return new HmmError('EBUSY', {
    message: 'the deadline passed while the kernel waited for a page',
    hint: 'Whoever serves the page fault (userfaultfd, a slow file) has not answered.',
  })
}
