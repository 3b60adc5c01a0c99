import { openBackend } from '@hmm-sdk/hmm-api'
import { conformance } from '@hmm-sdk/hmm-api/conformance'
import { createBackend, type SimDmaOptions } from '@hmm-sdk/backend-sim'
import { describe, it } from 'vitest'

// What holds for DMA must hold whatever stands between device and memory; what a shape cannot do is
// skipped by capability.
const SHAPES: Record<string, SimDmaOptions> = {
  direct: { shape: 'direct' },
  'iommu, aligned': { shape: 'iommu' },
  'iommu, aligned, peer-to-peer': { shape: 'peer' },
  'swiotlb, one slot and several': { shape: 'swiotlb' },
  'swiotlb, low address bits kept': { shape: 'swiotlb', minAlignMask: 4095 },
  'iommu, unaligned': { shape: 'unaligned' },
  'iommu, lazy': { shape: 'iommu', flush: 'lazy' },
  'non-coherent': { coherent: false },
  'non-coherent and direct': { shape: 'direct', coherent: false },
}

for (const [name, dma] of Object.entries(SHAPES)) {
  describe(name, () => {
    const config = { devices: { demo: { sim: { dma } } } }
    const open = () => openBackend({ backend: createBackend, config })
    conformance({ describe, it, open, only: ['dma', 'mirror', 'capability', 'lifecycle'] })
  })
}
