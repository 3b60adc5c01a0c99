import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawCreatedWait, RawExplorer, RawScheduler, RawWaitKind } from '@hmm-sdk/hmm-api/raw'
import { whenIdle } from './idle.js'
import type { Park } from './operation.js'

/**
 * Places at which another strand may run. They stand between the phases of an operation and once
 * per leaf of a page table, never per page.
 */
export type PointKind =
  | 'lock'
  | 'notifier-start'
  | 'notifier-end'
  | 'page-table'
  | 'fault'
  | 'migrate'
  | 'dma'
  | 'event'
  | 'sequence'

/** What decides at each point who runs next. */
export interface Explorer extends RawExplorer {
  /**
   * A point of an operation. Steps on the same `object` conflict if one of them is a `write`.
   */
  point(kind: PointKind, object: unknown, write: boolean): Park
  /** Waits for `promise` as a strand does: once it is settled, going on is a choice. */
  controlled(promise: Promise<void>, label: string, kind: RawWaitKind): Promise<void>
  /** The schedule shows a mistake. */
  report(kind: 'stale-access', message: string): void
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

/**
 * Virtual time. It moves by the costs of what is done, and jumps to the next timer when nothing
 * else can run; so a sleep takes no wall-clock time, and equal runs see equal times.
 */
export class Scheduler implements RawScheduler {
  /** Set while schedules are explored; without it no operation stops at a point. */
  explorer: Explorer | undefined
  #now = 0
  #order = 0
  /** Sorted by time, then by order of creation; few at a time. */
  #timers: Timer[] = []
  #idleAsked = false

  now(): number {
    return this.#now
  }

  /** Something took `nanoseconds`. */
  charge(nanoseconds: number): void {
    this.#now += nanoseconds
  }

  /** The wait at a point; only to be asked for while there is an explorer. */
  point(kind: PointKind, object?: unknown, write = true): Park {
    return this.explorer!.point(kind, object, write)
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted !== true) {
      const { promise, wake } = this.#wait()
      const stop = this.timerAt(this.#now + ms * 1e6, wake)
      signal?.addEventListener('abort', wake, { once: true })
      await (this.explorer === undefined
        ? promise
        : this.explorer.controlled(promise, `sleep of ${ms} ms`, 'event'))
      stop()
      signal?.removeEventListener('abort', wake)
    }
    if (signal?.aborted === true) {
      const cause = signal.reason as unknown
      throw new HmmError('EINTR', { message: 'the sleep was aborted', cause })
    }
  }

  createWait(label: string, kind: RawWaitKind = 'event'): RawCreatedWait {
    const wait = this.#wait()
    const { explorer } = this
    if (explorer === undefined) return wait
    return {
      wake: wait.wake,
      get promise() {
        return explorer.controlled(wait.promise, label, kind)
      },
    }
  }

  timer(ms: number, callback: () => void): () => void {
    return this.timerAt(this.#now + ms * 1e6, callback)
  }

  /** Calls `wake` at virtual time `at`; the returned function cancels it. */
  timerAt(at: number, wake: () => void): () => void {
    const timer: Timer = { at, order: this.#order++, wake }
    let index = this.#timers.length
    while (index > 0 && this.#timers[index - 1]!.at > at) index--
    this.#timers.splice(index, 0, timer)
    if (this.explorer === undefined) this.#askIdle()
    return () => {
      const place = this.#timers.indexOf(timer)
      if (place >= 0) this.#timers.splice(place, 1)
    }
  }

  /** Moves time on by `nanoseconds` and wakes whose time has come. */
  advance(nanoseconds: number): void {
    this.#wakeUntil(this.#now + nanoseconds)
  }

  /** Wakes those whose time has come by what was charged; whether there were any. */
  wakeDue(): boolean {
    if (this.#timers.length === 0 || this.#timers[0]!.at > this.#now) return false
    this.#wakeUntil(this.#now)
    return true
  }

  /** Jumps to the next timer; false if there is none. */
  wakeNext(): boolean {
    const next = this.#timers[0]
    if (next === undefined) return false
    this.#wakeUntil(Math.max(next.at, this.#now))
    return true
  }

  reset(): void {
    this.#now = 0
    this.#order = 0
    this.#timers = []
  }

  #wait(): { readonly promise: Promise<void>; readonly wake: () => void } {
    let wake!: () => void
    const promise = new Promise<void>((resolve) => {
      wake = resolve
    })
    return { promise, wake }
  }

  #askIdle(): void {
    if (this.#idleAsked) return
    this.#idleAsked = true
    whenIdle(() => {
      this.#idleAsked = false
      if (this.wakeNext() && this.#timers.length > 0) this.#askIdle()
    })
  }

  #wakeUntil(time: number): void {
    this.#now = Math.max(this.#now, time)
    while (this.#timers.length > 0 && this.#timers[0]!.at <= time) this.#timers.shift()!.wake()
  }
}
