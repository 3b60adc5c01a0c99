import { createBackend, createSimulation } from '@hmm-sdk/backend-sim'
import type { HmmConfig } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'
import { adapterModel, exampleConfig } from '../src/index.js'
import { withHeldPages } from '../../backend-sim/test/held-pages.js'
import { EXAMPLES, runExample } from '../src/run-example.js'
import { expectGolden } from './golden.js'

test.each(EXAMPLES)('%s on the simulation is golden', async (example) => {
  const { summary, steps } = await runExample(example, { backend: createBackend })
  expectGolden(summary)
  expect(steps.length).toBeGreaterThan(5)
})

// As over ioctl: the pages are revoked at once, and the driver is told afterwards.
test.each(EXAMPLES)('%s is golden where drivers are told after the CPU operation', async (name) => {
  const config = exampleConfig({ sim: { invalidate: 'deferred' } })
  const { summary } = await runExample(name, { backend: createBackend, config })
  expectGolden(summary)
})

test.each(EXAMPLES)('%s is right with large pages', async (name) => {
  const config = exampleConfig({ sim: { pageSize: 65536 } })
  const { summary } = await runExample(name, { backend: createBackend, config })
  expect(summary).toMatchObject({ ok: true })
})

test('nouveau moves pages again that the kernel holds for a moment', async () => {
  const backend = withHeldPages(createSimulation())
  const { summary } = await runExample('nouveau', { backend })
  expect(summary.error).toBeUndefined()
  expect(summary.ok).toBe(true)
})

// The same path as on the kernel: the model's bytes are moved by the registers of edu.
const onEdu: HmmConfig = { devices: { adapter: { model: adapterModel, sim: { model: 'edu' } } } }

test('odp is golden on edu too, within 64 transfers', async () => {
  const { summary } = await runExample('odp', {
    backend: createBackend,
    config: exampleConfig(onEdu),
  })
  expectGolden(summary)
})

test('a story that cannot go on says why, and is not ok', async () => {
  const noMemory: HmmConfig = { devices: { gpu: { sim: { memoryPages: 0 } } } }
  const { summary } = await runExample('nouveau', {
    backend: createBackend,
    config: exampleConfig(noMemory),
  })
  expect(summary.ok).toBe(false)
  expect(summary.error).toContain('EOPNOTSUPP')
  expect(summary.leaks).toEqual([])
})
