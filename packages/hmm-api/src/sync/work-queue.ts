import type { Context } from '../objects/context.js'
import type { RawExplorer } from '../raw/raw-scheduler.js'

type Work = () => void | Promise<void>

/** Work that runs later, one after the other, in the order it was queued. */
export class WorkQueue {
  readonly name: string
  readonly #context: Context
  readonly #failures: unknown[] = []
  #tail: Promise<void> = Promise.resolve()
  #pending = 0
  /** While schedules are explored: what waits for the queue's strand, and who waits for that. */
  readonly #waiting: Work[] = []
  readonly #flushing: { left: number; readonly wake: () => void }[] = []
  #running = false

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
  queue(work: Work): void {
    this.#context.touch()
    this.#pending += 1
    const { explorer } = this.#context.raw.scheduler
    if (explorer !== undefined) this.#hand(explorer, work)
    else this.#tail = this.#tail.then(() => this.#run(work))
  }

  /**
   * Waits for all that is queued now; throws the first failure since the last flush.
   * EDEADLK inside a commit. `flush_workqueue`
   */
  flush(): Promise<void> {
    return this.#context.wait('workQueue.flush', undefined, async () => {
      const { scheduler } = this.#context.raw
      if (scheduler.explorer === undefined) await this.#tail
      else {
        await scheduler.explorer.pause(this.name, this)
        if (this.#pending > 0) {
          const wait = scheduler.createWait(`work queue ${this.name}`)
          this.#flushing.push({ left: this.#pending, wake: () => wait.wake() })
          await wait.promise
        }
      }
      const [failure] = this.#failures.splice(0)
      if (failure !== undefined) throw failure
    })
  }

  async #run(work: Work): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failures.push(error)
    }
    this.#pending -= 1
    for (const flush of this.#flushing.splice(0)) {
      if (--flush.left === 0) flush.wake()
      else this.#flushing.push(flush)
    }
  }

  /** The queue is a strand of its own while it has work. */
  #hand(explorer: RawExplorer, work: Work): void {
    this.#waiting.push(work)
    if (this.#running) return
    this.#running = true
    const drain = async (): Promise<void> => {
      for (let first = true; this.#waiting.length > 0; first = false) {
        if (!first) await explorer.pause(this.name, this, true)
        await this.#run(this.#waiting.shift()!)
      }
      this.#running = false
    }
    explorer.spawn(`work queue ${this.name}`, drain, 'later')
  }
}
