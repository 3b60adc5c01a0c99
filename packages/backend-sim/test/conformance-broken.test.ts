import { HmmError, openBackend, type DeviceMemoryKind, type HmmConfig } from '@hmm-sdk/hmm-api'
import { BROKEN_BACKENDS, ConformanceFailure, runConformance } from '@hmm-sdk/hmm-api/conformance'
import { describe, expect, it } from 'vitest'
import { createSimulation } from '@hmm-sdk/backend-sim'

// The suite for the suite: a simulation with one fault must fail the case that is there for it, by what
// it does and not by a crash.
describe('broken backends', () => {
  it.each(BROKEN_BACKENDS.map((broken) => [broken.name, broken.caughtBy, broken] as const))(
    '%s fails %s',
    async (_name, caughtBy, broken) => {
      const config = configFor(broken)
      const open = () => openBackend({ backend: broken.wrap(createSimulation()), config })
      const report = await runConformance({ open, only: caughtBy })
      const [result] = report.results
      expect(result?.status).toBe('failed')
      expect(result?.error instanceof ConformanceFailure || HmmError.is(result?.error)).toBe(true)
    },
  )

  it('have names of their own', () => {
    const names = BROKEN_BACKENDS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it.each([undefined, 'coherent'] as const)('pass without the fault, %s', async (memoryKind) => {
    const config = configFor({ memoryKind })
    const open = () => openBackend({ backend: createSimulation(), config })
    const broken = BROKEN_BACKENDS.filter((each) => each.memoryKind === memoryKind)
    const only = [...new Set(broken.map(({ caughtBy }) => caughtBy))]
    const report = await runConformance({ open, only })
    expect(report.results.filter(({ status }) => status !== 'passed')).toEqual([])
  })
})

function configFor({ memoryKind }: { memoryKind?: DeviceMemoryKind | undefined }): HmmConfig {
  return memoryKind === undefined ? {} : { devices: { demo: { sim: { memoryKind } } } }
}
