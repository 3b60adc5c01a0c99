import type { VirtualRange } from '../address/virtual-range.js'
import { rawWait, type Context, type Wait } from '../objects/context.js'
import { boundedWait } from './bounded-wait.js'

/**
 * A waiting call whose raw part knows no wait options: it is given up at the deadline (ETIMEDOUT) or
 * when the signal aborts (EINTR). What was begun may still happen; `discard` is given its result
 * then, so that nothing is left over.
 */
export function bounded<T>(
  context: Context,
  op: string,
  range: VirtualRange | undefined,
  wait: Wait | undefined,
  run: () => Promise<T>,
  discard: (late: T) => unknown = () => undefined,
): Promise<T> {
  if (wait?.signal === undefined && wait?.deadlineMs === undefined) {
    return context.wait(op, range, run)
  }
  return context.wait(op, range, async () => {
    const bounds = rawWait(wait)
    const work = run()
    try {
      await boundedWait(
        context,
        op,
        bounds,
        (wake) => void work.then(wake, wake),
        () => undefined,
      )
    } catch (error) {
      work.then(discard).catch(() => undefined)
      throw error
    }
    return work
  })
}
