import { expect, test } from 'vitest'
import { limitsOf } from './limits.mjs'

test('a slow kernel gets more of every default', () => {
  const usual = limitsOf({}, 1)
  const slow = limitsOf({}, 4)
  expect(slow.timeoutMs).toBe(4 * usual.timeoutMs)
  expect(slow.bootTimeoutMs).toBe(4 * usual.bootTimeoutMs)
  expect(slow.unloadSeconds).toBe(4 * usual.unloadSeconds)
  expect(slow.shutdownMs).toBe(4 * usual.shutdownMs)
})

test('what the caller sets holds, and the boot ends within the run', () => {
  expect(limitsOf({ timeoutMs: 5000, unloadSeconds: 0 }, 4)).toMatchObject({
    timeoutMs: 5000,
    bootTimeoutMs: 5000,
    unloadSeconds: 0,
  })
})
