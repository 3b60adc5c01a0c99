import type { FailReport } from './fail-every-step.js'
import type { FailFinding } from './fail-run.js'

/** The most findings that a table shows. */
const SHOWN = 20

/** A report of `failEveryStep` for people. */
export function failTable(report: Omit<FailReport, 'table'>): string {
  const { name, points, passes, runs, pairs, findings, seconds } = report
  const rows = points
    .filter((each) => each.passes > 0)
    .map(({ point, passes: count, outcomes }) => [
      point,
      ...[count, outcomes.told, outcomes.retried, outcomes.absorbed].map(String),
    ])
  const all = [['point', 'passes', 'caller told', 'retried', 'absorbed'], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
  const unreached = points.filter((each) => each.passes === 0).map(({ point }) => point)
  const some = pairs.run < pairs.of ? ` of ${pairs.of}` : ''
  return [
    `${name}: ${passes} points failed one by one, ${pairs.run}${some} pairs; ` +
      `${runs} runs in ${seconds.toFixed(1)} s`,
    ...all.map((row) => `  ${line(row)}`.trimEnd()),
    ...(unreached.length > 0 ? [`  not passed: ${unreached.join(', ')}`] : []),
    '',
    ...(findings.length === 0 ? ['  no findings'] : [`  ${findings.length} findings`]),
    ...findings.slice(0, SHOWN).map((finding) => `  - ${findingLine(finding)}`),
  ].join('\n')
}

function findingLine({ check, failures, message }: FailFinding): string {
  const after = failures.map(({ point, nth }) => `pass ${nth} of ${point}`).join(' and ')
  return `${check} after ${after}: ${message}`
}
