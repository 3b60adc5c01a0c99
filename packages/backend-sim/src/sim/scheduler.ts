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
  | 'notifier-finish'
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
   * A point of an operation: what to wait for there, undefined to go on at once. Steps on the same `object`
   * conflict if one of them is a `write`.
   */
  point(kind: PointKind, object: unknown, write: boolean): Park | undefined
  /** Waits until `listen`'s callback is called: then going on is a choice. */
  wait(label: string, kind: RawWaitKind, listen: (wake: () => void) => void): Promise<void>
  /** The schedule shows a mistake. */
  report(kind: 'stale-access' | 'lost-update', message: string): void
  /** Set if lost updates are looked for. */
  readonly updates: UpdateWatch | undefined
}

/** What finding lost updates needs to know of the schedule. */
export interface UpdateWatch extends Pick<Explorer, 'report'> {
  /** Whether actors run at the same time. */
  readonly racing: boolean
  /** Who runs; the same object each time. */
  who(): { readonly name: string }
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
  #stop: Park | undefined
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

  /** Whether the strand that runs has to wait at this point: for `stop`. Without an explorer it never has. */
  stopsAt(kind: PointKind, object?: unknown, write = true): boolean {
    const { explorer } = this
    if (explorer === undefined) return false
    this.#stop = explorer.point(kind, object, write)
    return this.#stop !== undefined
  }

  /** The wait at the point that was last asked about. */
  get stop(): Park {
    return this.#stop!
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted !== true) {
      const wait = this.createWait(`sleep of ${ms} ms`)
      const wake = (): void => wait.wake()
      const stop = this.timerAt(this.#now + ms * 1e6, wake)
      signal?.addEventListener('abort', wake, { once: true })
      await wait.promise
      stop()
      signal?.removeEventListener('abort', wake)
    }
    if (signal?.aborted === true) {
      const cause = signal.reason as unknown
      throw new HmmError('EINTR', { message: 'the sleep was aborted', cause })
    }
  }

  createWait(label: string, kind: RawWaitKind = 'event'): RawCreatedWait {
    const { explorer } = this
    if (explorer !== undefined) return new ExploredWait(explorer, label, kind)
    let wake!: () => void
    const promise = new Promise<void>((resolve) => {
      wake = resolve
    })
    return { promise, wake }
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

  /** Whether somebody's time has come by what was charged. */
  get isDue(): boolean {
    return this.#timers.length > 0 && this.#timers[0]!.at <= this.#now
  }

  /** Wakes those whose time has come by what was charged; whether there were any. */
  wakeDue(): boolean {
    if (!this.isDue) return false
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

/** A wait whose end is a choice, for each strand that waits. */
class ExploredWait implements RawCreatedWait {
  readonly #explorer: Explorer
  readonly #label: string
  readonly #kind: RawWaitKind
  #waiting: (() => void)[] | undefined = []

  constructor(explorer: Explorer, label: string, kind: RawWaitKind) {
    this.#explorer = explorer
    this.#label = label
    this.#kind = kind
  }

  get promise(): Promise<void> {
    return this.#explorer.wait(this.#label, this.#kind, (wake) => {
      if (this.#waiting === undefined) wake()
      else this.#waiting.push(wake)
    })
  }

  wake(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const each of waiting) each()
  }
}
