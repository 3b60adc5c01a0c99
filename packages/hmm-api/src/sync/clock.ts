import { shown } from '../error/shown.js'
import { rawWait, type Context, type Wait } from '../objects/context.js'

/** Time of the backend: virtual in a simulation, the kernel's monotonic clock elsewhere. */
export class Clock {
  readonly #context: Context

  /** @internal */
  constructor(context: Context) {
    this.#context = context
  }

  /** Monotonic nanoseconds. */
  now(): number {
    return this.#context.raw.scheduler.now()
  }

  /** Waits `ms` milliseconds. Errors: EINTR (signal), EDEADLK (inside a commit). */
  sleep(ms: number, wait: Pick<Wait, 'signal'> = {}): Promise<void> {
    return this.#context.wait('clock.sleep', undefined, async () => {
      if (!Number.isFinite(ms) || ms < 0) {
        throw new TypeError(`${shown(ms)} is not a number of milliseconds`)
      }
      const { signal } = rawWait(wait)
      await this.#context.raw.scheduler.sleep(ms, signal)
    })
  }
}
