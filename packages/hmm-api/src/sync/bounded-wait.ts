import { HmmError } from '../error/hmm-error.js'
import { interrupted, type Context } from '../objects/context.js'
import type { RawWait } from '../raw/raw-backend.js'

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
): Promise<void> {
  const scheduler = context.raw.scheduler
  const { promise, wake } = scheduler.createWait(label)
  let failure: HmmError | undefined
  let done = false
  const giveUp = (error: HmmError): void => {
    if (done) return
    failure = error
    leave()
    wake()
  }
  const abort = (): void => {
    if (wait.signal !== undefined) giveUp(interrupted(wait.signal))
  }
  wait.signal?.addEventListener('abort', abort)
  const timer = new AbortController()
  if (wait.deadlineMs !== undefined) {
    scheduler.sleep(wait.deadlineMs, timer.signal).then(
      () =>
        giveUp(new HmmError('ETIMEDOUT', { message: `${label}: ${wait.deadlineMs} ms went by` })),
      () => undefined,
    )
  }
  enter(() => {
    done = true
    wake()
  })
  try {
    await promise
  } finally {
    timer.abort()
    wait.signal?.removeEventListener('abort', abort)
  }
  if (failure !== undefined) throw failure
}
