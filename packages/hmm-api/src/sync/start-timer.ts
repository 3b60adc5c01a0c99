import type { RawScheduler } from '../raw/raw-scheduler.js'

/** Calls `expired` after `ms` of the backend's time; the returned function takes that back. */
export function startTimer(scheduler: RawScheduler, ms: number, expired: () => void): () => void {
  if (scheduler.timer !== undefined) return scheduler.timer(ms, expired)
  const timer = new AbortController()
  scheduler.sleep(ms, timer.signal).then(expired, () => undefined)
  return () => timer.abort()
}
