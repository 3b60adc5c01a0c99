// The closing line of every test stage, `N passed, N failed, N skipped`: written, read and summed here.

export const closingLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

/** The counts of the last closing line in a stage's output, if there is one. */
export function parseClosingLine(output) {
  const lines = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped\s*$/gm)]
  const last = lines.at(-1)
  return last && { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3]) }
}

/**
 * Counts a vitest JSON report. What went wrong outside of a test (a file that does not load, an unhandled
 * error, no test at all, no report) counts as one failure, so that the line never looks better than the exit code.
 */
export function countTests(report, exitCode) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const file of report?.testResults ?? []) {
    for (const { status } of file.assertionResults) {
      if (status === 'passed') counts.passed++
      else if (status === 'failed') counts.failed++
      else counts.skipped++
    }
  }
  const nothingRan = counts.passed + counts.failed === 0
  if (counts.failed === 0 && (exitCode !== 0 || nothingRan)) counts.failed = 1
  return counts
}

/** What a stage of CI counts for: one failure at least, if its line is missing or its exit code is not 0. */
export function stageCounts(counts, exitCode) {
  const { passed, failed, skipped } = counts ?? { passed: 0, failed: 1, skipped: 0 }
  return { passed, failed: exitCode === 0 ? failed : Math.max(failed, 1), skipped }
}

export function sum(stages) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const stage of stages) for (const key of Object.keys(total)) total[key] += stage[key]
  return total
}
