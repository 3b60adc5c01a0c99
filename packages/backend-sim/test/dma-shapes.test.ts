import { openBackend, type Backend } from '@hmm-sdk/hmm-api'
import { conformance } from '@hmm-sdk/hmm-api/conformance'
import { createBackend, type SimDmaOptions } from '@hmm-sdk/backend-sim'
import { describe, expect, it } from 'vitest'

interface Shape {
  readonly dma: SimDmaOptions
  /** Why mirrored ranges are refused; they are mapped if left out. */
  readonly refused?: string
}

// What holds for DMA must hold whatever stands between device and memory; what a shape cannot do is
// skipped by capability.
const SHAPES: Record<string, Shape> = {
  direct: { dma: { shape: 'direct' }, refused: 'no IOMMU can revoke' },
  'iommu, aligned': { dma: { shape: 'iommu' } },
  'iommu, aligned, peer-to-peer': { dma: { shape: 'peer' } },
  'swiotlb, one slot and several': {
    dma: { shape: 'swiotlb' },
    refused: 'works on bounce buffers',
  },
  'swiotlb, low address bits kept': {
    dma: { shape: 'swiotlb', minAlignMask: 4095 },
    refused: 'works on bounce buffers',
  },
  'iommu, unaligned': { dma: { shape: 'unaligned' }, refused: 'not trusted' },
  'iommu, lazy': { dma: { shape: 'iommu', flush: 'lazy' } },
  'non-coherent': { dma: { coherent: false }, refused: 'only through sync' },
  'non-coherent and direct': {
    dma: { shape: 'direct', coherent: false },
    refused: 'no IOMMU can revoke',
  },
}

for (const [name, { dma, refused }] of Object.entries(SHAPES)) {
  describe(name, () => {
    const config = { devices: { demo: { sim: { dma } } } }
    const open = (): Promise<Backend> => openBackend({ backend: createBackend, config })

    it(
      refused === undefined ? 'maps mirrored ranges' : 'refuses them, with the reason',
      async () => {
        await using backend = await open()
        const { capabilities } = await backend.openDevice('demo')
        const capability = capabilities.get('dma.mirror')
        expect(capability.supported ? undefined : capability.reason).toEqual(
          refused === undefined ? undefined : expect.stringContaining(refused),
        )
      },
    )

    conformance({ describe, it, open, only: ['dma', 'mirror', 'capability', 'lifecycle'] })
  })
}
