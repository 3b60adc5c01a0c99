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
export async function runOperation<T>(
  operation: Operation<T>,
  enter: () => void,
  explorer?: Explorer,
): Promise<T> {
  enter()
  let step = operation.next()
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
