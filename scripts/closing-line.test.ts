import { expect, test } from 'vitest'
import { closingLine, countTests, parseClosingLine, stageCounts, sum } from './closing-line.mjs'

const report = (...statuses: string[]) => ({
  testResults: [{ assertionResults: statuses.map((status) => ({ status })) }],
})

test('counts by status, and everything that did not run as skipped', () => {
  expect(countTests(report('passed', 'passed', 'failed', 'skipped', 'pending', 'todo'), 1)).toEqual(
    {
      passed: 2,
      failed: 1,
      skipped: 3,
    },
  )
})

test('a failure outside of any test is still a failure', () => {
  expect(countTests(report('passed'), 1).failed).toBe(1)
  expect(countTests(report('passed'), 0).failed).toBe(0)
})

test('nothing run, or no report at all, is a failure', () => {
  expect(countTests(report(), 0).failed).toBe(1)
  expect(countTests(report('skipped'), 0).failed).toBe(1)
  expect(countTests(undefined, 0).failed).toBe(1)
})

test('reads back the last line that stands alone', () => {
  const counts = { passed: 3, failed: 0, skipped: 12 }
  expect(parseClosingLine(`1 passed, 1 failed, 1 skipped\nx\n${closingLine(counts)}\n`)).toEqual(
    counts,
  )
  expect(parseClosingLine(`so far: ${closingLine(counts)}`)).toBeUndefined()
})

test('a stage that fails, or ends without its line, is a failure in the sum', () => {
  const fine = { passed: 3, failed: 0, skipped: 1 }
  expect(stageCounts(fine, 0)).toEqual(fine)
  expect(stageCounts(fine, 1).failed).toBe(1)
  expect(stageCounts({ ...fine, failed: 2 }, 1).failed).toBe(2)
  expect(stageCounts(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  expect(sum([fine, stageCounts(undefined, 0)])).toEqual({ passed: 3, failed: 1, skipped: 1 })
})
