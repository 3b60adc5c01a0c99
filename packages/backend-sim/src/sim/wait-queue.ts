import type { Park } from './operation.js'

/** Strands that wait for one thing: the kernel's `wait_queue_head`. */
export class WaitQueue {
  readonly label: string
  #waiting: (() => void)[] = []

  constructor(label: string) {
    this.label = label
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** A wait that ends with the next wake. */
  park(): Park {
    return { label: this.label, listen: (wake) => void this.#waiting.push(wake) }
  }

  /** Calls `wake` at the next wake; the returned function takes that back. */
  listen(wake: () => void): () => void {
    this.#waiting.push(wake)
    return () => {
      const index = this.#waiting.indexOf(wake)
      if (index >= 0) this.#waiting.splice(index, 1)
    }
  }

  wakeAll(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
