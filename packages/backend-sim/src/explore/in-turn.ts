let last: Promise<unknown> = Promise.resolve()

/**
 * Runs `work` when all that was given before has ended. The platform says of a rejected promise only
 * that it is of this process: as long as one explores at a time, it is known whose it is. Nothing
 * is slower for it, since there is one thread.
 */
export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = last.then(work)
  last = turn.then(ignore, ignore)
  return turn
}

function ignore(): void {
  // Neither what it gave nor why it failed is anybody else's.
}
