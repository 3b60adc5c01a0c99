import { createSimulation } from '@hmm-sdk/backend-sim'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { runProgram, STEPS, type Step } from './memory-program.js'

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...STEPS),
  process: fc.nat(2),
  device: fc.nat(11),
  page: fc.nat(23),
  pages: fc.nat(5),
  value: fc.nat(10_000),
})

for (const invalidate of ['inside', 'deferred'] as const) {
  test(`random programs see the memory that they wrote (${invalidate})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        await runProgram(createSimulation({ invalidate }), steps)
      }),
      { numRuns: Number(process.env['HMM_PROGRAMS'] ?? 300), seed: 7 },
    )
  })
}

test('a short program that once failed', async () => {
  await expect(runProgram(createSimulation(), [])).resolves.toBeUndefined()
})
