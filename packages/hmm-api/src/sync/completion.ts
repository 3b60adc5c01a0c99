import { rawWait, type Context, type Wait } from '../objects/context.js'
import { boundedWait } from './bounded-wait.js'

/** Something that happens once, and that others wait for. */
export class Completion {
  readonly name: string
  readonly #context: Context
  readonly #waiting = new Set<() => void>()
  #done = false
  /** It was completed, and that was forgotten by a reset. */
  #dropped = false

  /** @internal */
  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
  }

  get isDone(): boolean {
    return this.#done
  }

  /** It happened: wakes all who wait, now and later. `complete_all` */
  complete(): void {
    this.#context.touch()
    this.#done = true
    this.#dropped = false
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** As if new. `reinit_completion` */
  reset(): void {
    this.#dropped ||= this.#done
    this.#done = false
  }

  /** Waits until it happened. Errors: EINTR, ETIMEDOUT, EDEADLK (inside a commit). */
  wait(wait?: Wait): Promise<void> {
    return this.#context.wait('completion.wait', undefined, async () => {
      const bounds = rawWait(wait)
      const { explorer } = this.#context.raw.scheduler
      if (explorer !== undefined) await explorer.pause(this.name, this)
      if (this.#done) return
      let place: () => void = () => undefined
      await boundedWait(
        this.#context,
        `completion ${this.name}`,
        bounds,
        (wake) => this.#waiting.add((place = wake)),
        () => this.#waiting.delete(place),
        this.#dropped ? 'lost-event' : 'event',
      )
    })
  }
}
