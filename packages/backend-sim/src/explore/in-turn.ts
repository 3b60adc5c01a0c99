import { scenarioAround } from './identity.js'

let last: Promise<unknown> = Promise.resolve()
let refused = 0

/**
 * Runs `work` when all that was given before has ended. The platform says of a rejected promise only
 * that it is of this process: as long as one explores at a time, it is known whose it is. Nothing
 * is slower for it, since there is one thread.
 *
 * TypeError in a scenario, which would wait for itself: `what` is the call that its author made.
 */
export function inTurn<T>(what: string, work: () => Promise<T>): Promise<T> {
  const around = scenarioAround()
  if (around !== undefined) {
    refused++
    throw new TypeError(
      `${what}: called inside scenario '${around}', which is being run by another exploration. ` +
        'One runs at a time: call it outside, or call the inner scenario as a function.',
    )
  }
  const turn = last.then(work)
  last = turn.then(ignore, ignore)
  return turn
}

/** How many calls inside a scenario were refused until now. */
export function refusedInside(): number {
  return refused
}

function ignore(): void {
  // Neither what it gave nor why it failed is anybody else's.
}
