import { HmmError } from '../error/hmm-error.js'
import { rawWait, type Context, type Wait } from '../objects/context.js'
import { boundedWait } from './bounded-wait.js'

/** A lock that is held across awaits; waiters get it in the order they came. */
export class Mutex {
  readonly name: string
  readonly #context: Context
  readonly #waiting: (() => void)[] = []
  #locked = false

  /** @internal */
  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
  }

  get isLocked(): boolean {
    return this.#locked
  }

  /** Takes it if it is free. `mutex_trylock` */
  tryLock(): boolean {
    if (this.#locked) return false
    this.#locked = true
    this.#context.raw.scheduler.explorer?.acquired(this, this.name)
    return true
  }

  /** Waits until it is free and takes it. Errors: EINTR, ETIMEDOUT, EDEADLK (inside a commit). */
  lock(wait?: Wait): Promise<void> {
    return this.#context.wait('mutex.lock', undefined, async () => {
      const bounds = rawWait(wait)
      const { explorer } = this.#context.raw.scheduler
      if (explorer !== undefined) {
        explorer.wanted(this, this.name)
        await explorer.pause(this.name, this, true)
      }
      if (this.tryLock()) return
      let place: () => void = () => undefined
      await boundedWait(
        this.#context,
        `mutex ${this.name}`,
        bounds,
        (wake) => this.#waiting.push((place = wake)),
        () => this.#waiting.splice(this.#waiting.indexOf(place), 1),
        'lock',
      )
      explorer?.acquired(this, this.name)
    })
  }

  /** Hands it to the next. EPERM if it is not locked. */
  unlock(): void {
    if (!this.#locked) {
      throw new HmmError('EPERM', {
        op: 'mutex.unlock',
        message: `mutex ${this.name} is not locked`,
      })
    }
    this.#context.touch()
    this.#context.raw.scheduler.explorer?.released(this)
    const next = this.#waiting.shift()
    if (next === undefined) this.#locked = false
    else next()
  }

  /** Runs `work` with the lock held, and unlocks it whatever happens. */
  async run<R>(work: () => R | Promise<R>, wait?: Wait): Promise<R> {
    await this.lock(wait)
    try {
      return await work()
    } finally {
      this.unlock()
    }
  }
}
