import type { MergedResult } from './merge-parts.js'

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
    `  coverage: ${coverage.points} distinct points, ${coverage.racingPairs} racing pairs`,
  ]
  if (failure === null) return [...lines, '  no findings'].join('\n')
  const { kind, message, table, token, part } = failure
  return [...lines, '', `${kind} in part ${part}: ${message}`, '', table, '', `  ${token}`].join(
    '\n',
  )
}
