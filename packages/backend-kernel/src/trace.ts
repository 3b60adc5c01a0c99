import type { TraceEvent } from '@hmm-sdk/hmm-api'
import { nowNs } from './now-ns.js'

type WithoutTime<T> = T extends unknown ? Omit<T, 'at' | 'flow'> & { flow?: number } : never

/** A trace event as its place makes it: the time is added here, and flow 0 if it knows of none. */
export type Traced = WithoutTime<TraceEvent>

/**
 * Where trace events go. `emit` is undefined while nobody listens, so that `tracer.emit?.({...})`
 * builds no event then.
 */
export class Tracer {
  emit: ((event: Traced) => void) | undefined

  listen(listener: ((event: TraceEvent) => void) | undefined): void {
    this.emit =
      listener === undefined
        ? undefined
        : (event) => listener({ at: nowNs(), flow: 0, ...event } as TraceEvent)
  }
}
