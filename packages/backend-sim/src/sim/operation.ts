import type { Explorer } from './scheduler.js'

/**
 * Where an operation waits: for a lock, a page, an invalidation, or (under exploration) its turn.
 */
export interface Park {
  /** What it waits for, as reports name it. */
  readonly label: string
  /** Asks to be called when it may go on; undefined at a point. */
  readonly listen?: (wake: () => void) => void
  /** Throws if the wait was aborted. */
  readonly check?: () => void
  /** At a point: resolves when it is this strand's turn; undefined if it still is. */
  readonly turn?: Promise<void> | undefined
}

/**
 * What the simulated kernel does for one call: a generator that yields only where it must wait.
 *
 * A call that meets no contention runs from start to end without leaving the current tick, which
 * is what makes it atomic and fast; with an explorer the same generator stops at every point.
 */
export type Operation<T> = Generator<Park, T, void>

/**
 * Runs `operation`; `enter` is called before each of its steps. Its waits are the explorer's if
 * there is one.
 */
export function runOperation<T>(
  operation: Operation<T>,
  enter: () => void,
  explorer?: Explorer,
): Promise<T> {
  try {
    enter()
    const step = operation.next()
    // Most calls wait for nothing, and most points are passed without a stop.
    if (step.done !== true) return goOn(operation, step, enter, explorer)
    return Promise.resolve(step.value)
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

/** The rest of an operation that has to wait. */
async function goOn<T>(
  operation: Operation<T>,
  begun: IteratorResult<Park, T>,
  enter: () => void,
  explorer: Explorer | undefined,
): Promise<T> {
  let step = begun
  while (step.done !== true) {
    let failure: { readonly reason: unknown } | undefined
    try {
      const { label, listen, check, turn } = step.value
      if (turn !== undefined) await turn
      else if (listen !== undefined) {
        await (explorer === undefined
          ? new Promise<void>((resolve) => listen(resolve))
          : explorer.wait(label, label === 'mmap_lock' ? 'lock' : 'event', listen))
        check?.()
      }
    } catch (reason) {
      failure = { reason }
    }
    enter()
    step = failure === undefined ? operation.next() : operation.throw(failure.reason)
  }
  return step.value
}
