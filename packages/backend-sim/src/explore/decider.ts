import type { Stop } from './strand.js'

/** What decides who goes on. */
export interface Decider {
  /**
   * Which of `stops`, of which there are two or more, goes on. 0 is whoever goes on by default:
   * the strand that ran, or the first in a fixed order. With `preempts` every other choice takes
   * the turn from a strand that could go on. `from` is where the strand that ran has stopped.
   */
  choose(stops: readonly Stop[], preempts: boolean, from: Stop | undefined): number
}

/** Everybody goes on until it has to wait. */
export const DEFAULT_DECIDER: Decider = { choose: () => 0 }
