import type { Clock } from '../../sync/clock.js'
import { ConformanceFailure } from './failure.js'

/** A case, or its end, took too long. */
export class TimeLimit extends ConformanceFailure {}

/**
 * Runs `work`, and fails after `limitMs` of the backend's time: on a simulation at once when
 * nothing can go on any more, on a kernel after so long by the wall clock.
 */
export async function withLimit<T>(
  clock: Clock,
  limitMs: number,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController()
  const limit = clock.sleep(limitMs, { signal: done.signal }).then(() => {
    throw new TimeLimit(`${what} hangs: not done after ${limitMs} ms`)
  })
  limit.catch(() => undefined)
  try {
    return await Promise.race([work(), limit])
  } finally {
    done.abort()
  }
}
