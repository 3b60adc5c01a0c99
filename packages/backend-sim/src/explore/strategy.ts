import type { Decider } from './decider.js'
import type { RunResult } from './schedule-run.js'

/** A way to choose schedules, one after the other. */
export interface Strategy extends Decider {
  readonly name: string
  /** Prepares the next schedule; false if there is none. */
  next(): boolean
  /** The schedule has run; whether it was one that had not run before. */
  ran(result: RunResult): boolean
}
