import type { RawWait } from './raw-backend.js'

/**
 * Moves bytes as the device: through DMA addresses only, under the IOMMU (or the software
 * device's table). An address that is not mapped, was revoked, or lacks the right fails with
 * EFAULT and is reported as a `device-fault` event; nothing of memory that moved on is touched.
 *
 * An address is a DMA page and a byte offset from its start; an access may cross pages.
 */
export interface RawEngine {
  /** Most bytes of one call. */
  readonly maxBytes: number
  read(dmaPage: number, offset: number, length: number, wait?: RawWait): Promise<Uint8Array>
  write(dmaPage: number, offset: number, bytes: Uint8Array, wait?: RawWait): Promise<void>
  /**
   * Atomic add to an aligned 32-bit word of an exclusive page; the value before. EPERM if the page
   * is not held exclusively. Missing where the engine has no atomics.
   */
  fetchAdd?(dmaPage: number, offset: number, delta: number, wait?: RawWait): Promise<number>
}
