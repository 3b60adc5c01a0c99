import { POINT_LINK } from '../sim/failure-point.js'
import { HmmError } from '@hmm-sdk/hmm-api'
import type { DmaDirection, RawBuffer, RawIovaWindow } from '@hmm-sdk/hmm-api/raw'
import { SimBuffer } from './buffer.js'
import type { DeviceDma } from './device-dma.js'
import type { IommuDomain } from './iommu-domain.js'
import { IOPTE_READ, IOPTE_UNSYNCED, IOPTE_WRITE } from './iopte.js'

/** What one page of a window shows. */
interface Link {
  readonly buffer: SimBuffer
  readonly page: number
  readonly write: boolean
}

/**
 * A reserved run of DMA pages whose pages are linked one by one (`dma_iova_*`). What is linked is
 * of use to the device only after `sync`. Unlinking is flushed at once, lazy IOMMU or not.
 */
export class SimIovaWindow implements RawIovaWindow {
  readonly dmaPage: number
  readonly pages: number
  readonly #dma: DeviceDma
  readonly #domain: IommuDomain
  readonly #closed: (window: SimIovaWindow) => void
  readonly #links: (Link | undefined)[]
  /** How many pages of each buffer are linked. */
  readonly #perBuffer = new Map<SimBuffer, number>()

  constructor(
    dma: DeviceDma,
    domain: IommuDomain,
    dmaPage: number,
    pages: number,
    closed: (window: SimIovaWindow) => void,
  ) {
    this.#dma = dma
    this.#domain = domain
    this.dmaPage = dmaPage
    this.pages = pages
    this.#closed = closed
    this.#links = Array.from({ length: pages }, () => undefined)
  }

  /** Pages that are linked now. */
  get linked(): number {
    return this.#links.filter((link) => link !== undefined).length
  }

  /** What a page shows; undefined for nothing. */
  linkAt(at: number): object | undefined {
    return this.#links[at]
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
      const what = `page ${at + i} of a window is linked already`
      this.#dma.reportMisuse('link-twice', what, this.#links[at + i])
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
    const write = direction !== 'to-device'
    const rights = write ? IOPTE_READ | IOPTE_WRITE : IOPTE_READ
    const frame = buffer.firstFrame + bufferPage
    this.#domain.link(this.dmaPage + at, frame, pages, rights | IOPTE_UNSYNCED)
    for (let i = 0; i < pages; i++) {
      this.#links[at + i] = { buffer, page: bufferPage + i, write }
      if (!this.#dma.coherent) buffer.giveToDevice(...this.#bytesOf(bufferPage + i), false)
    }
    this.#remember(this.#links.slice(at, at + pages) as Link[])
    this.#perBuffer.set(buffer, (this.#perBuffer.get(buffer) ?? 0) + pages)
    ;(buffer.windows ??= new Set()).add(this)
  }

  sync(at: number, pages: number): void {
    if (this.#links.slice(at, at + pages).every((link) => link === undefined)) {
      this.#dma.reportMisuse('sync-not-linked', `no page of ${at}..+${pages} of a window is linked`)
      throw new HmmError('EINVAL', {
        page: at,
        message: 'no page of the range is linked',
        hint: 'Link pages first, and sync what was linked.',
      })
    }
    for (let i = 0; i < pages; i++) {
      const entry = this.#domain.table.get(this.dmaPage + at + i)
      if (entry !== 0) this.#domain.table.set(this.dmaPage + at + i, entry & ~IOPTE_UNSYNCED)
    }
  }

  unlink(at: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      if (this.#links[at + i] !== undefined) continue
      this.#dma.reportMisuse('unlink-not-linked', `page ${at + i} of a window is not linked`)
      throw new HmmError('EINVAL', {
        page: at + i,
        message: 'the page of the window is not linked',
        hint: 'Unlink exactly what was linked, once.',
      })
    }
    this.#unlink(at, pages)
  }

  /** The buffer is about to be freed: what still shows its pages shows nothing from now on. */
  dropBuffer(buffer: SimBuffer): void {
    for (let at = 0; at < this.pages; at++) {
      const link = this.#links[at]
      if (link?.buffer !== buffer || !this.#domain.mapped(this.dmaPage + at)) continue
      this.#dma.reportMisuse(
        'freed-while-linked',
        `page ${at} of a window shows a freed buffer`,
        link,
      )
      this.#drop(at, link)
      // It counts as linked until its driver unlinks it, which is no further mistake.
    }
  }

  async close(): Promise<void> {
    for (let at = 0; at < this.pages; at++) if (this.#links[at] !== undefined) this.#unlink(at, 1)
    this.#domain.iova.free(this.dmaPage, this.pages)
    this.#closed(this)
  }

  #unlink(at: number, pages: number): void {
    for (let page = at; page < at + pages; page++) {
      const link = this.#links[page]!
      this.#links[page] = undefined
      if (this.#domain.mapped(this.dmaPage + page)) this.#drop(page, link)
      const left = this.#perBuffer.get(link.buffer)! - 1
      if (left > 0) this.#perBuffer.set(link.buffer, left)
      else {
        this.#perBuffer.delete(link.buffer)
        link.buffer.windows?.delete(this)
      }
    }
  }

  /** Who linked them, if that is recorded. */
  #remember(links: readonly Link[]): void {
    const { sites } = this.#domain.machine.dma
    if (!sites.recording) return
    sites.mapped(links[0]!)
    sites.share(links[0]!, links)
  }

  #drop(at: number, link: Link): void {
    const { buffer, page, write } = link
    this.#domain.unlink(this.dmaPage + at, 1)
    if (!this.#dma.coherent) buffer.takeFromDevice(...this.#bytesOf(page), write)
    const { dma, pageSize } = this.#domain.machine
    this.#dma.recent.add(this.dmaPage + at, 0, pageSize, dma.sites.unmapped(link))
  }

  #bytesOf(page: number): [start: number, bytes: number] {
    const { pageSize } = this.#domain.machine
    return [page * pageSize, pageSize]
  }
}
