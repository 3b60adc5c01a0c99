import { expect, test } from 'vitest'
import { clockRunsAhead } from './guest-clock.mjs'

test.each([
  ['3.91 5.02', 5000, false],
  ['5.99 5.02', 5000, false],
  ['6.01 5.02', 5000, true],
  ['27.40 30.11', 6000, true],
])('uptime %s after %i ms: %s', (uptime, elapsed, ahead) => {
  expect(clockRunsAhead(uptime, elapsed)).toBe(ahead)
})
