import { unsupported, type Capability } from '@hmm-sdk/hmm-api'
import type { Machine } from '../sim/machine.js'
import { DirectDma } from './direct-dma.js'
import { IommuDomain } from './iommu-domain.js'
import type { DmaTranslation } from './dma-translation.js'

/** What stands between a device and memory. */
export const DMA_SHAPES = [
  'iommu',
  'direct',
  'swiotlb',
  'unaligned',
  'peer',
  'non-coherent',
] as const
export type DmaShape = (typeof DMA_SHAPES)[number]

/** The shapes that can be opened; the others are named in capabilities, with the reason. */
export const DMA_SHAPES_NOW: readonly DmaShape[] = ['iommu', 'direct']

export function createTranslation(
  machine: Machine,
  shape: DmaShape,
  maskBits: number,
): DmaTranslation {
  return shape === 'direct' ? new DirectDma(machine, maskBits) : new IommuDomain(machine, maskBits)
}

/** Why mirrored ranges cannot be mapped, undefined if they can. */
export function mirrorRefusal(shape: DmaShape): Capability | undefined {
  if (shape !== 'direct') return undefined
  return unsupported(
    'the device reaches memory directly: no IOMMU can revoke what it was given',
    "Put the device behind an IOMMU: dma: { shape: 'iommu' }.",
  )
}
