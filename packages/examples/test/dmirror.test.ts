import { createBackend, createSimulation } from '@hmm-sdk/backend-sim'
import { openBackend } from '@hmm-sdk/hmm-api'
import { describe, expect, test } from 'vitest'
import { withHeldPages } from '../../backend-sim/test/held-pages.js'
import { dmirrorConfig, dmirrorTests } from '../src/index.js'

test('all 39 behaviours of the kernel are accounted for', () => {
  expect(Object.keys(dmirrorTests)).toHaveLength(39)
  for (const run of Object.values(dmirrorTests)) expect(run).toBeTypeOf('function')
})

// As in the kernel, and as over ioctl: drivers are told inside the CPU operation, or afterwards. With both
// kinds of device memory, as the kernel's tests have variants for them.
const VARIANTS = [
  ['inside', 'private'],
  ['deferred', 'private'],
  ['inside', 'coherent'],
] as const
describe.each(VARIANTS)('told %s, memory %s', (invalidate, memoryKind) => {
  test.for(Object.entries(dmirrorTests))('%s', async ([name, run], { skip }) => {
    const backend = await openBackend({
      backend: createBackend,
      config: dmirrorConfig({ sim: { invalidate, thp: 'madvise' } }, memoryKind),
    })
    const outcome = await run(backend)
    await backend.close()
    expect(backend.report()).toEqual({ leaks: [], misuses: [] })
    if (outcome.status === 'skipped') return skip(outcome.reason)
    // The tests pass without huge pages too, so they are asked for where there must be some.
    if (name === 'anon_write_huge') expect(outcome.notes).toEqual(['the CPU maps a huge page'])
  })
})

// As a kernel does where a page is on its way to a list just then.
test.for(Object.entries(dmirrorTests))(
  'the first migration finds all busy: %s',
  async (each, { skip }) => {
    const [, run] = each
    const backend = await openBackend({
      backend: withHeldPages(createSimulation()),
      config: dmirrorConfig({ sim: { thp: 'madvise' } }),
    })
    const outcome = await run(backend)
    await backend.close()
    expect(backend.report()).toEqual({ leaks: [], misuses: [] })
    if (outcome.status === 'skipped') return skip(outcome.reason)
  },
)
