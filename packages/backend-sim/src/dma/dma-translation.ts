import type { IommuDomain } from './iommu-domain.js'

/** Why an access of a device failed, as the `source` of its fault. */
export type TranslationFault = 'not-mapped' | 'read-only' | 'not-synced' | 'no-memory'

/** How a device's addresses become frames. */
export interface DmaTranslation {
  /** The IOMMU's domain, if one translates. */
  readonly domain: IommuDomain | undefined
  setMask(bits: number): void
  /** Whether the device can be given the frames as they are. */
  reaches(firstFrame: number, pages: number): boolean
  /** Maps `pages` adjoining frames; the DMA page of the first. Throws ENOMEM or EIO. */
  map(firstFrame: number, pages: number, write: boolean): number
  unmap(dmaPage: number, pages: number): void
  /** Whether the device can reach the page now. */
  mapped(dmaPage: number): boolean
  /** Whether the page is one of those given out by `map`, or may be. */
  classic(dmaPage: number): boolean
  /** Frame that an access meets, with IOPTE_* rights above it; or why it fails. */
  translate(dmaPage: number, write: boolean): number | TranslationFault
  /** Forgets now what it would forget in time. */
  flush(): void
  destroy(): void
}
