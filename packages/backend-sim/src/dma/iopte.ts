/** An IOMMU page table entry: 24 bits of page frame and 8 of flags. */
export const IOPTE_READ = 0x8000_0000
export const IOPTE_WRITE = 0x4000_0000
/** The device alone has the page: atomic operations are allowed. */
export const IOPTE_EXCLUSIVE = 0x2000_0000
/** Linked, and not synchronised yet: the device must not use it. */
export const IOPTE_UNSYNCED = 0x1000_0000
/** Of a streaming mapping or a coherent buffer (`dma_map_*`), not of a window or a mirror. */
export const IOPTE_CLASSIC = 0x0800_0000
export const IOPTE_FRAME = 0x00ff_ffff
