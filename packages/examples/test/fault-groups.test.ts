import type { Access } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'
import { groupFaults } from '../src/nouveau/fault-groups.js'

const fault = (context: number, page: number | undefined, access: Access) => ({
  context,
  page,
  access,
})

test('faults on one page of a channel are one group with the strongest access', () => {
  const batch = [
    fault(1, 7, 'read'),
    fault(0, 3, 'write'),
    fault(1, 7, 'write'),
    fault(1, 6, 'read'),
    fault(0, 3, 'atomic'),
    fault(1, 7, 'prefetch'),
  ]
  const groups = groupFaults(batch, ({ page }) => page)
  expect(groups.map(({ channel, page, access, faults }) => [channel, page, access, faults.length])) //
    .toEqual([
      [0, 3, 'atomic', 2],
      [1, 6, 'read', 1],
      [1, 7, 'write', 3],
    ])
})

test('the same page in two channels is two groups; nowhere is a group of its own', () => {
  const batch = [fault(2, 0, 'read'), fault(1, 0, 'read'), fault(1, undefined, 'write')]
  const groups = groupFaults(batch, ({ page }) => page)
  expect(groups.map(({ channel, page }) => [channel, page])).toEqual([
    [1, undefined],
    [1, 0],
    [2, 0],
  ])
})
