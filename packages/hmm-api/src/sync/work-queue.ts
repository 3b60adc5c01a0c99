import type { Context } from '../objects/context.js'

/** Work that runs later, one after the other, in the order it was queued. */
export class WorkQueue {
  readonly name: string
  readonly #context: Context
  readonly #failures: unknown[] = []
  #tail: Promise<void> = Promise.resolve()
  #pending = 0

  /** @internal */
  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
  }

  /** Works that are queued or running. */
  get pending(): number {
    return this.#pending
  }

  /** Queues `work`. A failure of it is thrown by the next `flush`. `queue_work` */
  queue(work: () => void | Promise<void>): void {
    this.#pending += 1
    this.#tail = this.#tail.then(work).then(
      () => void (this.#pending -= 1),
      (error: unknown) => {
        this.#pending -= 1
        this.#failures.push(error)
      },
    )
  }

  /**
   * Waits for all that is queued now; throws the first failure since the last flush.
   * EDEADLK inside a commit. `flush_workqueue`
   */
  flush(): Promise<void> {
    return this.#context.wait('workQueue.flush', undefined, async () => {
      await this.#tail
      const [failure] = this.#failures.splice(0)
      if (failure !== undefined) throw failure
    })
  }
}
