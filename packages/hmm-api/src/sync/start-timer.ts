import type { RawScheduler } from '../raw/raw-scheduler.js'

/** Calls `callback` after `ms` of the backend's time; the returned function takes that back. */
export function startTimer(scheduler: RawScheduler, ms: number, callback: () => void): () => void {
  if (scheduler.timer !== undefined) return scheduler.timer(ms, callback)
  const timer = new AbortController()
  scheduler.sleep(ms, timer.signal).then(callback, () => undefined)
  return () => timer.abort()
}
