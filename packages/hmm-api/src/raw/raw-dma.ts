import type { RawWait } from './raw-backend.js'

export type DmaDirection = 'to-device' | 'from-device' | 'bidirectional'

/** What the DMA of a device can do at all; fixed while it is open, but for `mask`. */
export interface RawDmaLimits {
  /** Whether a translating IOMMU (or the software device's table) stands before the device. */
  readonly translating: boolean
  /** Whether device and CPU see the same data without sync. */
  readonly coherent: boolean
  /** Most bytes of one mapping. */
  readonly maxMappingBytes: number
  readonly pageShift: number
  /**
   * Whether the IOMMU forgets what `unmap` undid at once, or some time later; no matter for windows
   * and mirrors. Taken as `strict` where it is left out.
   */
  readonly flush?: 'strict' | 'lazy'
}

/** Mistakes of drivers that hmm-api finds before the backend is called. */
export type DmaMisuse =
  'unmap-twice' | 'sync-unmapped' | 'sync-outside' | 'window-outside' | 'live-at-close'

/** Memory of the driver's own, page aligned, that the CPU side reads and writes here. */
export interface RawBuffer {
  readonly bytes: number
  read(offset: number, length: number): Uint8Array
  write(offset: number, bytes: Uint8Array): void
  /** Its mappings were undone before. */
  free(): void
}

/** A coherent buffer: memory and mapping in one (`dma_alloc_coherent`). */
export interface RawCoherentBuffer extends RawBuffer {
  readonly dmaPage: number
}

/** A live mapping of a buffer (`dma_map_phys`): contiguous in DMA space. */
export interface RawDmaMapping {
  readonly dmaPage: number
  /** Byte offset of the first mapped byte in `dmaPage`. */
  readonly offset: number
  /** Whether an access after unmap is sure to fault. */
  readonly revocable: boolean
  sync(to: 'cpu' | 'device', offset: number, bytes: number): void
  unmap(): void
}

/** A reserved run of DMA pages (`dma_iova_try_alloc`). All lengths in pages. */
export interface RawIovaWindow {
  readonly dmaPage: number
  readonly pages: number
  /** `dma_iova_link` of buffer pages. EADDRINUSE if a page of the window is linked already. */
  link(
    at: number,
    buffer: RawBuffer,
    bufferPage: number,
    pages: number,
    direction: DmaDirection,
  ): void
  /** `dma_iova_sync`: after it the device may use what was linked. */
  sync(at: number, pages: number): void
  /** `dma_iova_unlink`. EINVAL if a page of the range is not linked. */
  unlink(at: number, pages: number): void
  /** Everything was unlinked before. */
  close(): Promise<void>
}

/**
 * How a device reaches the memory of a peer (`pci_p2pdma_map_type`): by the peer's own bus address
 * past every IOMMU, through the host bridge as any memory, or not at all.
 */
export type PeerRoute =
  | { readonly kind: 'bus-address' | 'host-bridge' }
  | { readonly kind: 'unsupported'; readonly reason: string }

export interface RawDma {
  readonly limits: RawDmaLimits
  /** `dma_set_mask_and_coherent`. EIO if the platform cannot serve so few bits. */
  setMask(bits: number): void
  allocBuffer(bytes: number): Promise<RawBuffer>
  allocCoherent(bytes: number): Promise<RawCoherentBuffer>
  /** EIO if the buffer cannot be reached under the mask. */
  map(buffer: RawBuffer, offset: number, bytes: number, direction: DmaDirection): RawDmaMapping
  openWindow(pages: number, wait: RawWait): Promise<RawIovaWindow>
  /**
   * How often pages of the mapping that holds `dmaPage` were revoked so far; -1 if nothing is
   * mapped there now. Lets an engine without error status tell that a transfer overlapped a
   * revocation (compare before and after).
   */
  revocations(dmaPage: number): number
  /** Memory in a BAR of this device that peers may map, as the CPU sees it; undefined for none. */
  peerMemory?(bar: number): RawBuffer | undefined
  /** How this device reaches the peer memory of `peer`. With the capability `dma.peer` only. */
  peerRoute?(peer: RawDma): PeerRoute
  /** Maps peer memory; the route was asked before. EIO if the mask does not reach it, ENOMEM. */
  mapPeer?(
    peer: RawDma,
    bar: number,
    offset: number,
    bytes: number,
    direction: DmaDirection,
  ): RawDmaMapping
  /** Told of mistakes that are refused before they reach the backend, for its reports. */
  misuse?(check: DmaMisuse, text: string): void
}
