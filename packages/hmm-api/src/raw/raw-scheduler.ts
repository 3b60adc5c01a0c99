/**
 * Time and waiting. Simulations control both; everything in hmm-api that waits does it here.
 */
export interface RawScheduler {
  /** Set only while schedules are explored: then it decides who runs at each point. */
  readonly explorer?: RawExplorer | undefined
  /** Monotonic nanoseconds. */
  now(): number
  /** Resolves after `ms` milliseconds of the backend's time. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * A wait of its own: `promise` resolves after `wake()`. `label` names it in reports, `kind` says
   * what it means when nobody wakes it.
   */
  createWait(label: string, kind?: RawWaitKind): RawCreatedWait
  /**
   * Calls `callback` after `ms` milliseconds; the returned function takes that back. Without it
   * `sleep` with a signal does the same.
   */
  timer?(ms: number, callback: () => void): () => void
}

/** For a lock that somebody has, for an event, or for an event that came before and was dropped. */
export type RawWaitKind = 'lock' | 'event' | 'lost-event'

/** A wait of its own. `promise` is to be taken where somebody really waits. */
export interface RawCreatedWait {
  readonly promise: Promise<void>
  wake(): void
}

/**
 * What decides who runs next while schedules are explored. Every method is called from the strand
 * that runs.
 */
export interface RawExplorer {
  /** The running strand begins the public operation `op`; its points are named after it. */
  enter(op: string): void
  /** A call that waits begins, or has ended; between them the strand does nothing else, as a rule. */
  begin(): void
  leave(): void
  /** Something synchronous that others may wait for is about to happen, outside of any call. */
  touch(): void
  /**
   * A place where another strand may run: resolves when this one goes on, undefined if it does at
   * once. `kind` names the place;
   * steps that touch the same `object`, one of them to `write`, may race.
   */
  pause(kind: string, object: unknown, write?: boolean): Promise<void> | undefined
  /**
   * Starts a strand: `'now'` runs its synchronous part inside the call, `'later'` when it is
   * chosen.
   */
  spawn(name: string, work: () => unknown, start: 'now' | 'later'): void
  /** The running strand is about to take `lock`, has it, or gave it back: for the order of locks. */
  wanted(lock: object, name: string): void
  acquired(lock: object, name: string): void
  released(lock: object): void
}
