import type { Exploration, Failure } from '../explore/index.js'

/** What an exploration is a part of: the same for all its parts. */
export interface Plan {
  /** Module and export of the scenario, as given. */
  readonly target: string
  /** Schedules of all parts together. */
  readonly schedules: number
  /** Into how many disjoint parts the schedules are cut. */
  readonly parts: number
  readonly seed: number
}

/** A failure as data. */
export type FoundFailure = Pick<
  Failure,
  'kind' | 'message' | 'switches' | 'token' | 'table' | 'schedulesUntilFound'
>

/** What one part came to: a line of JSON. */
export interface PartResult {
  readonly hmm: 'part'
  readonly version: 1
  readonly plan: Plan
  /** Which part, from 0. */
  readonly part: number
  readonly schedules: number
  readonly points: number
  readonly completePreemptions: number | null
  readonly reason: Exploration['reason']
  readonly mode: Exploration['mode']
  readonly covered: { readonly points: readonly string[]; readonly pairs: readonly string[] }
  readonly seconds: number
  readonly failure: FoundFailure | null
}

/** The result of one part of `plan`, from the exploration that ran it. */
export function partResult(plan: Plan, part: number, exploration: Exploration): PartResult {
  const { failure, completePreemptions, schedules, points, reason, mode, seconds } = exploration
  return {
    hmm: 'part',
    version: 1,
    plan,
    part,
    schedules,
    points,
    completePreemptions: completePreemptions ?? null,
    reason,
    mode,
    covered: exploration.covered ?? { points: [], pairs: [] },
    seconds,
    failure: failure === undefined ? null : found(failure),
  }
}

/** The part that a line of JSON holds. TypeError for anything else. */
export function parsePart(line: string, where: string): PartResult {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    value = undefined
  }
  const { hmm, version } = (value ?? {}) as { hmm?: unknown; version?: unknown }
  if (hmm !== 'part') throw new TypeError(`${where}: not a result of hmm explore --json`)
  if (version !== 1) throw new TypeError(`${where}: version ${String(version)}, this reads 1`)
  return value as PartResult
}

function found(failure: Failure): FoundFailure {
  const { kind, message, switches, token, table, schedulesUntilFound } = failure
  return { kind, message, switches, token, table, schedulesUntilFound }
}
