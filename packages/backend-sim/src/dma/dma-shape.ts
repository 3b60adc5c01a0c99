import { unsupported, type Capability } from '@hmm-sdk/hmm-api'
import type { Machine } from '../sim/machine.js'
import { DirectDma } from './direct-dma.js'
import type { DmaOptions } from './dma-options.js'
import type { DmaTranslation } from './dma-translation.js'
import { IommuDomain } from './iommu-domain.js'

/**
 * What stands between a device and memory:
 *
 * - `iommu`: a translating IOMMU
 * - `peer`: the same, and the memory of other devices can be reached
 * - `unaligned`: the same for a device that is not trusted: mappings that do not fill pages are
 *   bounced, so that it never sees what else is in a page
 * - `direct`: nothing; a DMA address is a physical address
 * - `swiotlb`: nothing, and what is mapped is copied through bounce buffers, in slots of 2 KiB
 */
export const DMA_SHAPES = ['iommu', 'peer', 'unaligned', 'direct', 'swiotlb'] as const
export type DmaShape = (typeof DMA_SHAPES)[number]

export function createTranslation(
  machine: Machine,
  options: DmaOptions,
  maskBits: number,
): DmaTranslation {
  return translates(options.shape)
    ? new IommuDomain(machine, maskBits, options)
    : new DirectDma(machine, maskBits)
}

/** Whether an IOMMU stands there. */
export function translates(shape: DmaShape): boolean {
  return shape !== 'direct' && shape !== 'swiotlb'
}

/** Why mirrored ranges cannot be mapped, undefined if they can. */
export function mirrorRefusal({ shape, coherent }: DmaOptions): Capability | undefined {
  const hint = "Put the device behind an IOMMU: dma: { shape: 'iommu' }."
  if (shape === 'direct') {
    const reason = 'the device reaches memory directly: no IOMMU can revoke what it was given'
    return unsupported(reason, hint)
  }
  if (shape === 'swiotlb') {
    const reason = 'the device works on bounce buffers: a copy cannot follow the process'
    return unsupported(reason, hint)
  }
  if (shape === 'unaligned') {
    const reason = 'the device is not trusted and may be given bounce buffers (hmm_dma_map_alloc)'
    return unsupported(reason, hint)
  }
  if (coherent) return undefined
  return unsupported(
    'device and CPU see each other only through sync, which a mirrored process never does',
    'Use a coherent device: dma: { coherent: true }.',
  )
}
