import type { Backend } from '../objects/backend.js'
import { CASES } from './cases/index.js'
import {
  formatResult,
  formatSummary,
  makeReport,
  type ConformanceReport,
} from './harness/report.js'
import { runCase, type CaseResult } from './harness/run-case.js'
import { freshBackends, sharedBackend, type SceneSource } from './harness/scene-source.js'
import { selectCases } from './harness/select.js'

/** What every way to run the suite needs. */
export interface ConformanceOptions {
  /** Opens a new backend of the kind under test, with a device `demo`. */
  readonly open: () => Promise<Backend>
  /**
   * What each case gets for itself: a backend (default), or only a process and a device on one
   * backend that all cases share, for backends that open slowly.
   */
  readonly isolation?: 'backend' | 'space'
  /** Addresses of cases or groups, such as `'mirror/map'`; all cases if left out. */
  readonly only?: string | readonly string[]
  /** Time one case may take, by the backend's clock; 10 seconds if left out. */
  readonly limitMs?: number
}

const LIMIT_MS = 10_000

/**
 * Runs the suite without a test runner, one case after the other.
 *
 * `report` is called with each result; `print` with lines for people: one for each case, then the
 * skips by capability with the reason, and last `N passed, N failed, N skipped`.
 */
export async function runConformance(
  options: ConformanceOptions & {
    readonly report?: (result: CaseResult) => void
    readonly print?: (line: string) => void
  },
): Promise<ConformanceReport> {
  const source = sceneSource(options)
  const results: CaseResult[] = []
  for (const test of selectCases(CASES, options.only)) {
    const result = await runCase(source, test, limitOf(options))
    results.push(result)
    options.report?.(result)
    options.print?.(formatResult(result))
  }
  const report = makeReport(results, await source.end())
  options.print?.(formatSummary(report))
  return report
}

/** @internal */
export function sceneSource(options: ConformanceOptions): SceneSource {
  if (options.isolation === 'space') return sharedBackend(options.open)
  return freshBackends(options.open)
}

/** @internal */
export function limitOf(options: ConformanceOptions): number {
  return options.limitMs ?? LIMIT_MS
}
