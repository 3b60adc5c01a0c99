import type { Failure } from './failure.js'
import type { Coverage, Covered } from './progress.js'

/** What an exploration did, and what it found. */
export interface Exploration {
  /** The first failure found, shrunk; undefined if there was none. */
  readonly failure: Failure | undefined
  /** Schedules that ran; those that a bounded search had to repeat do not count. */
  readonly schedules: number
  /** Steps of all of them. */
  readonly points: number
  /** All schedules with up to so many preemptions have run; undefined if not even those with none. */
  readonly completePreemptions: number | undefined
  /** Why it ended: `'complete'` means that all schedules there are have run. */
  readonly reason: 'failure' | 'complete' | 'budget' | 'coverage'
  readonly coverage: Coverage
  /** The same by name; only with the option `covered`. */
  readonly covered?: Covered
  readonly seconds: number
  readonly mode: 'batched' | 'exact'
}
