import type { Leak } from '../../event.js'
import { HmmError } from '../../error/hmm-error.js'
import type { CaseResult } from './run-case.js'

/** How all cases went. */
export interface ConformanceReport {
  readonly results: readonly CaseResult[]
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** What a shared backend reports as leaked when it is closed; must be empty. */
  readonly leaks: readonly Leak[]
  /** Nothing failed and nothing leaked. */
  readonly ok: boolean
}

export function makeReport(
  results: readonly CaseResult[],
  leaks: readonly Leak[],
): ConformanceReport {
  const count = (status: CaseResult['status']) =>
    results.filter((result) => result.status === status).length
  const failed = count('failed')
  return {
    results,
    passed: count('passed'),
    failed,
    skipped: count('skipped'),
    leaks,
    ok: failed === 0 && leaks.length === 0,
  }
}

/** One line for a case that passed or was skipped; a failure with its cause below. */
export function formatResult(result: CaseResult): string {
  const time = `${result.durationMs.toFixed(0)} ms`
  if (result.status === 'passed') return `ok    ${result.address} (${time})`
  if (result.status === 'skipped') return `skip  ${result.address}: ${result.missing?.need}`
  return `FAIL  ${result.address} (${time})\n${indent(formatError(result.error))}`
}

/** The end of a run: leaks, the skips by capability with the reason, and the totals. */
export function formatSummary(report: ConformanceReport): string {
  const lines = report.leaks.map(({ kind, name }) => `FAIL  leaked: ${kind} '${name}'`)
  const skips = new Map<string, { reason: string; count: number }>()
  for (const { missing } of report.results) {
    if (missing === undefined) continue
    const skip = skips.get(missing.need) ?? { reason: missing.reason, count: 0 }
    skip.count += 1
    skips.set(missing.need, skip)
  }
  for (const [need, { reason, count }] of skips) {
    lines.push(`skipped ${count} for ${need}: ${reason}`)
  }
  lines.push(`${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`)
  return lines.join('\n')
}

function formatError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = HmmError.is(error) ? `unexpected ${error.message}` : error.message
  const place = (error.stack ?? '')
    .split('\n')
    .find((line) => line.includes('conformance') && !line.includes('harness'))
  return place === undefined ? text : `${text}\n${place.trim()}`
}

function indent(text: string): string {
  return text.replace(/^/gm, '      ')
}
