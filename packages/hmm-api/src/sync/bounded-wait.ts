import { HmmError } from '../error/hmm-error.js'
import { interrupted, type Context } from '../objects/context.js'
import type { RawWait } from '../raw/raw-backend.js'
import type { RawWaitKind } from '../raw/raw-scheduler.js'
import { startTimer } from './start-timer.js'

/**
 * A place in a queue: resolves when woken; ETIMEDOUT and EINTR by its wait options. `leave` runs
 * when it gives up, so that no wake-up is spent on it.
 */
export async function boundedWait(
  context: Context,
  label: string,
  wait: RawWait,
  enter: (wake: () => void) => void,
  leave: () => void,
  kind: RawWaitKind = 'event',
): Promise<void> {
  const scheduler = context.raw.scheduler
  const created = scheduler.createWait(label, kind)
  let failure: HmmError | undefined
  let done = false
  const giveUp = (error: HmmError): void => {
    if (done) return
    failure = error
    leave()
    created.wake()
  }
  const abort = (): void => {
    if (wait.signal !== undefined) giveUp(interrupted(wait.signal))
  }
  wait.signal?.addEventListener('abort', abort)
  const { deadlineMs } = wait
  const stop =
    deadlineMs === undefined
      ? () => undefined
      : startTimer(scheduler, deadlineMs, () =>
          giveUp(new HmmError('ETIMEDOUT', { message: `${label}: ${deadlineMs} ms went by` })),
        )
  enter(() => {
    done = true
    created.wake()
  })
  try {
    await created.promise
  } finally {
    stop()
    wait.signal?.removeEventListener('abort', abort)
  }
  if (failure !== undefined) throw failure
}
