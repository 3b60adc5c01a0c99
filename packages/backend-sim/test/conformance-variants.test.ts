import { openBackend } from '@hmm-sdk/hmm-api'
import { conformance } from '@hmm-sdk/hmm-api/conformance'
import { createBackend } from '@hmm-sdk/backend-sim'
import { describe, it } from 'vitest'

// The suite must hold whatever the options; what a shape cannot do is skipped by capability.
const VARIANTS = {
  'device-coherent memory': { devices: { demo: { sim: { memoryKind: 'coherent' } } } },
  'invalidations afterwards': { sim: { invalidate: 'deferred' } },
  'no IOMMU': { devices: { demo: { sim: { dma: { shape: 'direct' } } } } },
  'edu, whose engine is driven by registers': { devices: { demo: { sim: { model: 'edu' } } } },
  'Linux 7.2': { sim: { kernel: '7.2' } },
  'Linux 6.12': { sim: { kernel: '6.12' } },
  'pages of 16 KiB': { sim: { pageSize: 16384 } },
  'pages of 64 KiB': { sim: { pageSize: 65536 } },
}

for (const [name, config] of Object.entries(VARIANTS)) {
  describe(name, () => {
    conformance({ describe, it, open: () => openBackend({ backend: createBackend, config }) })
  })
}
