import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawScheduler } from '@hmm-sdk/hmm-api/raw'
import { whenIdle } from './idle.js'
import type { Park } from './operation.js'

/**
 * Places at which another strand may run. They stand between the phases of an operation and once
 * per leaf of a page table, never per page.
 */
export type PointKind =
  'lock' | 'notifier-start' | 'notifier-end' | 'page-table' | 'fault' | 'migrate' | 'dma' | 'wait'

/** What decides at each point who runs next. */
export interface Explorer {
  point(kind: PointKind): Park
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
  point(kind: PointKind): Park {
    return this.explorer!.point(kind)
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const finish = () => {
          stop()
          signal?.removeEventListener('abort', finish)
          resolve()
        }
        const stop = this.timer(this.#now + ms * 1e6, finish)
        signal?.addEventListener('abort', finish, { once: true })
      })
    }
    if (signal?.aborted === true) {
      const cause = signal.reason as unknown
      throw new HmmError('EINTR', { message: 'the sleep was aborted', cause })
    }
  }

  createWait(_label: string): { readonly promise: Promise<void>; wake(): void } {
    let wake!: () => void
    const promise = new Promise<void>((resolve) => {
      wake = resolve
    })
    return { promise, wake }
  }

  /** Calls `wake` at virtual time `at`; the returned function cancels it. */
  timer(at: number, wake: () => void): () => void {
    const timer: Timer = { at, order: this.#order++, wake }
    let index = this.#timers.length
    while (index > 0 && this.#timers[index - 1]!.at > at) index--
    this.#timers.splice(index, 0, timer)
    this.#askIdle()
    return () => {
      const place = this.#timers.indexOf(timer)
      if (place >= 0) this.#timers.splice(place, 1)
    }
  }

  /** Moves time on by `nanoseconds` and wakes whose time has come. */
  advance(nanoseconds: number): void {
    this.#wakeUntil(this.#now + nanoseconds)
  }

  reset(): void {
    this.#now = 0
    this.#order = 0
    this.#timers = []
  }

  #askIdle(): void {
    if (this.#idleAsked) return
    this.#idleAsked = true
    whenIdle(() => {
      this.#idleAsked = false
      const next = this.#timers[0]
      if (next === undefined) return
      this.#wakeUntil(Math.max(next.at, this.#now))
      if (this.#timers.length > 0) this.#askIdle()
    })
  }

  #wakeUntil(time: number): void {
    this.#now = Math.max(this.#now, time)
    while (this.#timers.length > 0 && this.#timers[0]!.at <= time) this.#timers.shift()!.wake()
  }
}
