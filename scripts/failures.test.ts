import { expect, test } from 'vitest'
import { failures } from './failures.mjs'

test('finds a failure with what is indented below it', () => {
  expect(failures('ok a\nnot ok b\n  Error: c\n    at d\nok e\n')).toEqual([
    'not ok b\n  Error: c\n    at d',
  ])
})

test('tells the lines of kernels that run beside each other', () => {
  const output = ['7.2: FAIL  b', '7.3: ok a', '7.2:   Error: c', '7.3: ok e', '7.2: ok d', '']
  expect(failures(output.join('\n'))).toEqual(['7.2: FAIL  b\n7.2:   Error: c'])
})

test('finds what vitest says, and is silent where nothing failed', () => {
  expect(failures(' FAIL  a.test.ts > b\nError: c')).toEqual([' FAIL  a.test.ts > b\nError: c'])
  expect(failures('ok a\n3 passed, 0 failed, 0 skipped\n# not ok')).toEqual([])
})
