/**
 * The conformance suite: what every backend must do, as cases that any test runner can run.
 *
 * Contract: each case tests one rule of the API, with the kernel's behaviour as the yardstick. A
 * case is skipped only because a capability is missing (or, for cases named `without`, because it
 * is there), and says so.
 *
 * For backend authors: `conformance` declares the suite to vitest, node:test or the like in one
 * call, `runConformance` runs it without a runner. Both take `open`, which opens a backend. Run
 * one case by its address: `only: 'range-fault/snapshot/zero-page'`.
 */
export { BROKEN_BACKENDS } from './broken/index.js'
export type { BrokenBackend } from './broken/broken-backend.js'
export { conformance, type Runner, type RunnerContext } from './conformance.js'
export { runConformance, type ConformanceOptions } from './run-conformance.js'
export { CASES as conformanceCases, CASE_MODULES as conformanceModules } from './cases/index.js'
export type { CaseBody, CaseGroup, CaseModule, ConformanceCase } from './harness/case.js'
export { ConformanceFailure } from './harness/failure.js'
export type { Missing, Need } from './harness/need.js'
export { formatResult, formatSummary, type ConformanceReport } from './harness/report.js'
export type { CaseResult } from './harness/run-case.js'
export { Scene as ConformanceScene } from './harness/scene.js'
