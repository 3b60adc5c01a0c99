import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawScheduler } from '@hmm-sdk/hmm-api/raw'
import type { Native } from './native.js'
import { nowNs } from './now-ns.js'
import { startTimer } from './timer.js'

/** Waits of hmm-api that only watch: they stand for as long as their object lives. */
const PASSIVE = 'release of '

/**
 * Real time and Node's event loop. A pending wait keeps Node alive, since an event of the module
 * may end it; closing the backend lets go of all.
 */
export class KernelScheduler implements RawScheduler {
  readonly #native: Native
  readonly #held = new Set<() => void>()

  constructor(native: Native) {
    this.#native = native
  }

  now(): number {
    return nowNs()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        stop()
        reject(new HmmError('EINTR', { message: 'aborted by its signal', cause: signal?.reason }))
      }
      const stop = startTimer(ms, () => {
        signal?.removeEventListener('abort', aborted)
        resolve()
      })
      signal?.addEventListener('abort', aborted, { once: true })
      if (signal?.aborted) aborted()
    })
  }

  createWait(label: string): { readonly promise: Promise<void>; wake(): void } {
    const release = label.startsWith(PASSIVE) ? () => undefined : this.hold()
    let wake = (): void => undefined
    const promise = new Promise<void>((resolve) => {
      wake = () => {
        release()
        resolve()
      }
    })
    return { promise, wake }
  }

  /** Keeps Node alive until the returned function is called, or the backend is closed. */
  hold(): () => void {
    const release = this.#native.hold()
    this.#held.add(release)
    return () => {
      if (this.#held.delete(release)) release()
    }
  }

  close(): void {
    for (const release of this.#held) release()
    this.#held.clear()
  }
}
