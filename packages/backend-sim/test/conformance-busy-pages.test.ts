import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'
import { expect, it } from 'vitest'
import { createSimulation } from '@hmm-sdk/backend-sim'
import { withHeldPages } from './held-pages.js'

// What a kernel does now and then: migration is best effort, and a page that somebody holds stays.
it('moving pages for a case is tried again where they are held for a moment', async () => {
  const open = () => openBackend({ backend: withHeldPages(createSimulation()) })
  const report = await runConformance({ open, only: 'memory' })
  const failed = report.results.filter(({ status }) => status === 'failed')
  expect(failed.map(({ address, error }) => `${address}: ${String(error)}`)).toEqual([])
  expect(report.passed).toBeGreaterThan(50)
})
