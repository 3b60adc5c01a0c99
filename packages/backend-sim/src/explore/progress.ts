/** What was covered so far. */
export interface Coverage {
  /** Distinct points: what strands stopped at. */
  readonly points: number
  /** Pairs of steps on the same object, one of them writing, that came right after each other. */
  readonly racingPairs: number
}

/** What was covered, by name, so that it can be put together with that of others. */
export interface Covered {
  readonly points: readonly string[]
  readonly pairs: readonly string[]
}

/** How far an exploration is. */
export interface Progress {
  readonly schedules: number
  readonly schedulesPerSecond: number
  /** What is searched now, such as `2 preemptions`. */
  readonly strategy: string
  readonly coverage: Coverage
}
