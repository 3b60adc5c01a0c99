import type { Exploration } from '../explore/index.js'
import type { FoundFailure, PartResult, Plan } from './part-result.js'

/** All parts of an exploration together: a line of JSON. */
export interface MergedResult {
  readonly hmm: 'exploration'
  readonly version: 1
  readonly plan: Plan
  /** Parts that count: all, or those up to the first with a failure. */
  readonly parts: number
  readonly schedules: number
  readonly points: number
  readonly completePreemptions: number | null
  readonly reason: Exploration['reason']
  readonly coverage: { readonly points: number; readonly racingPairs: number }
  /** Of all parts together, as if one had run after the other. */
  readonly seconds: number
  readonly failure: (FoundFailure & { readonly part: number }) | null
}

/**
 * Puts parts together, in whatever order they come and wherever they ran: equal plans give equal
 * results but for `seconds`. The failure is that of the first part that has one, and the parts
 * behind it count for nothing, since whether they ran is a matter of speed.
 *
 * TypeError for parts of different plans, for parts that are missing, and for none.
 */
export function mergeParts(results: readonly PartResult[]): MergedResult {
  const [first] = results
  if (first === undefined) throw new TypeError('there are no parts to merge')
  const { plan } = first
  const byPart = new Map<number, PartResult>()
  for (const result of results) {
    if (JSON.stringify(result.plan) !== JSON.stringify(plan)) {
      throw new TypeError(
        `parts of different explorations: ${JSON.stringify(plan)} and ${JSON.stringify(result.plan)}`,
      )
    }
    byPart.set(result.part, result)
  }
  const failing = Math.min(
    ...results.filter(({ failure }) => failure !== null).map(({ part }) => part),
  )
  const last = Math.min(failing, plan.parts - 1)
  const missing = Array.from({ length: last + 1 }, (_, part) => part).filter(
    (part) => !byPart.has(part),
  )
  if (missing.length > 0) {
    const which = missing.slice(0, 20).join(', ')
    throw new TypeError(
      `${missing.length} of ${plan.parts} parts are missing: ${which}; run those shards and merge all files`,
    )
  }
  const counting = Array.from({ length: last + 1 }, (_, part) => byPart.get(part)!)
  const { failure = null, part = 0 } = counting.find((each) => each.failure !== null) ?? {}
  return {
    hmm: 'exploration',
    version: 1,
    plan,
    parts: counting.length,
    schedules: sum(counting.map(({ schedules }) => schedules)),
    points: sum(counting.map(({ points }) => points)),
    completePreemptions: leastComplete(counting),
    reason: reasonOf(counting),
    coverage: {
      points: union(counting.map(({ covered }) => covered.points)),
      racingPairs: union(counting.map(({ covered }) => covered.pairs)),
    },
    seconds: sum(counting.map(({ seconds }) => seconds)),
    failure: failure === null ? null : { ...failure, part },
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

function union(lists: readonly (readonly string[])[]): number {
  return new Set(lists.flat()).size
}

/** A bound is complete where it is complete in every part. */
function leastComplete(parts: readonly PartResult[]): number | null {
  let least = Infinity
  for (const { reason, completePreemptions } of parts) {
    // A part that has run all its schedules has run those with any number of preemptions.
    if (reason === 'complete') continue
    if (completePreemptions === null) return null
    least = Math.min(least, completePreemptions)
  }
  if (least < Infinity) return least
  return Math.max(...parts.map(({ completePreemptions }) => completePreemptions ?? 0))
}

function reasonOf(parts: readonly PartResult[]): Exploration['reason'] {
  const reasons = new Set(parts.map(({ reason }) => reason))
  for (const reason of ['failure', 'budget', 'coverage'] as const) {
    if (reasons.has(reason)) return reason
  }
  return 'complete'
}
