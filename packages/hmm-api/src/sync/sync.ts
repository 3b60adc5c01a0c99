import type { Context } from '../objects/context.js'
import { Completion } from './completion.js'
import { Mutex } from './mutex.js'
import { WorkQueue } from './work-queue.js'

/** Ways to wait for each other, named after the kernel's. Simulations control all of them. */
export class Sync {
  readonly #context: Context

  /** @internal */
  constructor(context: Context) {
    this.#context = context
  }

  /** `struct mutex` */
  mutex(name: string): Mutex {
    return new Mutex(this.#context, name)
  }

  /** `struct completion` */
  completion(name: string): Completion {
    return new Completion(this.#context, name)
  }

  /** An ordered workqueue: one work after the other. `alloc_ordered_workqueue` */
  workQueue(name: string): WorkQueue {
    return new WorkQueue(this.#context, name)
  }
}
