import { nowNs } from './now-ns.js'

/** The longest that Node's timers can wait, in milliseconds; longer ones would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Calls `expired` once `ms` have gone by on the monotonic clock, for ever and never with Infinity;
 * the returned function takes that back. Node's own timers count whole milliseconds, and so may be
 * almost one too early.
 */
export function startTimer(ms: number, expired: () => void): () => void {
  const end = nowNs() + ms * 1e6
  let timer: NodeJS.Timeout
  const wait = (left: number): void => {
    timer = setTimeout(look, Math.min(Math.ceil(left), LONGEST_MS))
  }
  const look = (): void => {
    const left = (end - nowNs()) / 1e6
    if (left > 0) wait(left)
    else expired()
  }
  wait(ms)
  return () => clearTimeout(timer)
}
