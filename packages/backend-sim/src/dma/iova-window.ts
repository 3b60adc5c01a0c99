import { POINT_LINK } from '../sim/failure-point.js'
import { HmmError } from '@hmm-sdk/hmm-api'
import type { DmaDirection, RawBuffer, RawIovaWindow } from '@hmm-sdk/hmm-api/raw'
import { SimBuffer } from './buffer.js'
import type { IommuDomain } from './iommu-domain.js'
import { IOPTE_READ, IOPTE_UNSYNCED, IOPTE_WRITE } from './iopte.js'

/**
 * A reserved run of DMA pages whose pages are linked one by one (`dma_iova_*`). What is linked is
 * of use to the device only after `sync`.
 */
export class SimIovaWindow implements RawIovaWindow {
  readonly dmaPage: number
  readonly pages: number
  readonly #domain: IommuDomain
  readonly #closed: (window: SimIovaWindow) => void

  constructor(
    domain: IommuDomain,
    dmaPage: number,
    pages: number,
    closed: (window: SimIovaWindow) => void,
  ) {
    this.#domain = domain
    this.dmaPage = dmaPage
    this.pages = pages
    this.#closed = closed
  }

  /** Pages that are linked now. */
  get linked(): number {
    let linked = 0
    for (let i = 0; i < this.pages; i++) if (this.#domain.mapped(this.dmaPage + i)) linked++
    return linked
  }

  link(
    at: number,
    buffer: RawBuffer,
    bufferPage: number,
    pages: number,
    direction: DmaDirection,
  ): void {
    if (!(buffer instanceof SimBuffer)) throw new TypeError('the buffer is of another backend')
    for (let i = 0; i < pages; i++) {
      if (!this.#domain.mapped(this.dmaPage + at + i)) continue
      throw new HmmError('EADDRINUSE', {
        page: at + i,
        message: 'the page of the window is linked already',
        hint: 'Unlink it first; linking never replaces.',
      })
    }
    const failing = this.#domain.machine.failures.firstFailure(POINT_LINK, pages)
    if (failing >= 0) {
      const message = 'the IOMMU has no memory for its tables'
      throw new HmmError('ENOMEM', { message, page: at + failing })
    }
    const rights = direction === 'to-device' ? IOPTE_READ : IOPTE_READ | IOPTE_WRITE
    const frame = buffer.firstFrame + bufferPage
    this.#domain.link(this.dmaPage + at, frame, pages, rights | IOPTE_UNSYNCED)
  }

  sync(at: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      const entry = this.#domain.table.get(this.dmaPage + at + i)
      if (entry !== 0) this.#domain.table.set(this.dmaPage + at + i, entry & ~IOPTE_UNSYNCED)
    }
  }

  unlink(at: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      if (this.#domain.mapped(this.dmaPage + at + i)) continue
      throw new HmmError('EINVAL', {
        page: at + i,
        message: 'the page of the window is not linked',
        hint: 'Unlink exactly what was linked, once.',
      })
    }
    this.#domain.unlink(this.dmaPage + at, pages)
  }

  async close(): Promise<void> {
    this.#domain.unmap(this.dmaPage, this.pages)
    this.#closed(this)
  }
}
