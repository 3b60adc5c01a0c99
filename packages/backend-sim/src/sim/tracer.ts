import type { Counters, TraceEvent } from '@hmm-sdk/hmm-api'
import type { Scheduler } from './scheduler.js'

/** With a flow only if it is not that of the call that runs. */
type Untimed<T> = T extends unknown ? Omit<T, 'at' | 'flow'> & { readonly flow?: number } : never

/** Counts what happens and tells it to whoever listens. */
export class Tracer {
  readonly counters: Counters = {
    deviceFaults: 0,
    pagesMapped: 0,
    pagesUnmapped: 0,
    invalidations: 0,
    pagesMigratedToDevice: 0,
    pagesMigratedToSystem: 0,
  }
  /** The call on whose behalf the simulation runs now. */
  flow = 0
  listener: ((event: TraceEvent) => void) | undefined
  readonly #scheduler: Scheduler
  #flows = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** A number for a new flow. */
  newFlow(): number {
    return ++this.#flows
  }

  /** Tells an event. Where that costs something, ask `listener` before making one. */
  emit(event: Untimed<TraceEvent>): void {
    this.listener?.({ at: this.#scheduler.now(), flow: this.flow, ...event } as TraceEvent)
  }

  reset(): void {
    for (const name of Object.keys(this.counters) as (keyof Counters)[]) this.counters[name] = 0
    this.flow = 0
    this.#flows = 0
  }
}
