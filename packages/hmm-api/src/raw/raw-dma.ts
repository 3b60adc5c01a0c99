import type { RawWait } from './raw-backend.js'

export type DmaDirection = 'to-device' | 'from-device' | 'bidirectional'

/**
 * Attributes of mappings and coherent buffers, with the kernel's bits (`DMA_ATTR_*`). What an
 * attribute allows need not happen; what it requires does, or the call fails.
 */
export const DMA_ATTRIBUTES = {
  /** Reads and writes may pass each other. */
  'weak-ordering': 1 << 1,
  /** Coherent buffers: the CPU may buffer its writes, and combine them. */
  'write-combine': 1 << 2,
  /** Neither map nor unmap hands bytes over or copies them back; the driver calls sync. */
  'skip-cpu-sync': 1 << 5,
  /** Coherent buffers: contiguous in physical memory too. */
  'force-contiguous': 1 << 6,
  /** Mappings that share cache lines are no mistake: the driver knows who writes what. */
  'ignore-cachelines': 1 << 11,
  /** Fails rather than to need sync or bounce buffers. */
  'require-coherent': 1 << 12,
} as const
export type DmaAttribute = keyof typeof DMA_ATTRIBUTES

/** What the segments of a list must be like (`struct device_dma_parameters`). */
export interface SegmentLimits {
  /** Most bytes of one. `dma_set_max_seg_size` */
  readonly maxBytes: number
  /** One less than a power of two: none crosses a multiple of that. `dma_set_seg_boundary` */
  readonly boundaryMask: number
  /** Low address bits that bounce buffers keep. `dma_set_min_align_mask` */
  readonly minAlignMask: number
}

/** What the DMA of a device can do at all; changes only with `setMask` and `setSegmentLimits`. */
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
  /** What segments are like now. With the capability `dma.list`. */
  readonly segments?: SegmentLimits
}

/** Mistakes of drivers that hmm-api finds before the backend is called. */
export type DmaMisuse =
  | 'unmap-twice'
  | 'sync-unmapped'
  | 'sync-outside'
  | 'sync-cpu-to-device'
  | 'sync-device-from-device'
  | 'window-outside'
  | 'live-at-close'
  | 'pool-free-twice'

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
  /** Told which bytes a pool has handed out (`live`) and taken back, for reports. */
  block?(offset: number, bytes: number, live: boolean): void
}

/** A live mapping of a buffer (`dma_map_phys`): contiguous in DMA space. */
export interface RawDmaMapping {
  readonly dmaPage: number
  /** Byte offset of the first mapped byte in `dmaPage`. */
  readonly offset: number
  /** Whether an access after unmap is sure to fault. */
  readonly revocable: boolean
  sync(to: 'cpu' | 'device', offset: number, bytes: number): void
  /**
   * Ends it. Nobody asks the object for anything after that, so a backend may make the next mapping
   * of it; in `misuse` it may still be given.
   */
  unmap(): void
}

/** Bytes of a buffer, or of the memory of a peer in one of its BARs. */
export interface RawListPart {
  readonly source: RawBuffer | { readonly peer: RawDma; readonly bar: number }
  readonly offset: number
  readonly bytes: number
}

/** A run of DMA addresses. */
export interface RawSegment {
  readonly dmaPage: number
  /** Byte offset of its first byte in `dmaPage`. */
  readonly offset: number
  readonly bytes: number
}

/** A live mapping of several parts at once (`dma_map_sgtable`). */
export interface RawDmaList {
  /** All bytes in order, cut and merged as the limits of segments say. */
  readonly segments: readonly RawSegment[]
  /** Whether an access to any of it after unmap is sure to fault. */
  readonly revocable: boolean
  sync(to: 'cpu' | 'device'): void
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
  /** `dma_iova_sync`: after it the device may use what was linked. EINVAL if nothing is. */
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
  /** `dma_set_mask_and_coherent`. EIO if the platform cannot serve so few bits, EBUSY: mapped. */
  setMask(bits: number): void
  /** EBUSY while something is mapped. With the capability `dma.list`. */
  setSegmentLimits?(limits: SegmentLimits): void
  allocBuffer(bytes: number): Promise<RawBuffer>
  /** `attributes` are bits of DMA_ATTRIBUTES, here and below. */
  allocCoherent(bytes: number, attributes?: number): Promise<RawCoherentBuffer>
  /** EIO if the buffer cannot be reached under the mask. */
  map(
    buffer: RawBuffer,
    offset: number,
    bytes: number,
    direction: DmaDirection,
    attributes: number,
  ): RawDmaMapping
  /**
   * All parts or none. EIO: not reachable under the mask. EREMOTEIO: no route to a peer. ENOMEM.
   * With the capability `dma.list`.
   */
  mapList?(parts: readonly RawListPart[], direction: DmaDirection, attributes: number): RawDmaList
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
  /**
   * Told of mistakes that are refused before they reach the backend, for its reports; `made` is the
   * mapping that they are about, if there is one.
   */
  misuse?(check: DmaMisuse, text: string, made?: object): void
}
