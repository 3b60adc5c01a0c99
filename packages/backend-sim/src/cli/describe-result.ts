import type { MergedResult } from './merge-parts.js'

/** Why it ended, for people. */
const ENDS: Readonly<Record<MergedResult['reason'], string>> = {
  failure: 'a failure',
  complete: 'complete',
  budget: 'budget used up',
  coverage: 'nothing new for long',
}

/** A merged result for people. */
export function describeResult(result: MergedResult): string {
  const { plan, parts, schedules, points, coverage, failure, seconds, completePreemptions } = result
  const complete =
    result.reason === 'complete'
      ? 'all there are'
      : completePreemptions === null
        ? 'not complete even without preemptions'
        : `complete up to ${completePreemptions} preemptions`
  const lines = [
    `${plan.target}: ${schedules} schedules (${complete}), ${points} points, ` +
      `${parts} of ${plan.parts} parts, ${seconds.toFixed(1)} s in all`,
    `  coverage: ${coverage.points} distinct points, ${coverage.racingPairs} racing pairs` +
      `; ended: ${ENDS[result.reason]}`,
  ]
  if (failure === null) return [...lines, '  no findings'].join('\n')
  const { kind, message, table, token, part } = failure
  const texts = [lines.join('\n'), `${kind} in part ${part}: ${message}`, table]
  // What differs from run to run no token can show again.
  if (kind !== 'nondeterminism') texts.push(`npx hmm replay '${plan.target}' ${token}`)
  return texts.filter((text) => text !== '').join('\n\n')
}
