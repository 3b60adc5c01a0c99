import { dmaAddress, type DmaAddress, type DmaPage } from '../address/address.js'
import { shown } from '../error/shown.js'
import type { DmaDirection, RawIovaWindow } from '../raw/raw-dma.js'
import { checkDirection, checkInteger, checkPages } from './check.js'
import type { Device } from './device.js'
import { checkBuffer } from './dma-part.js'
import type { HostBuffer } from './host-buffer.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** What is linked into a window. All in pages. */
export interface LinkOptions {
  /** First page of the window. */
  readonly at: number
  readonly direction: DmaDirection
  /** First page of the buffer, 0 if left out. */
  readonly bufferPage?: number
  /** Number of pages, to the end of the buffer if left out. */
  readonly pages?: number
}

/**
 * A reserved run of DMA pages, the expert level of `dma.map`: link memory piece by piece, sync
 * once, use it, unlink. `struct dma_iova_state`
 */
export class IovaWindow extends Owned {
  readonly #device: Device
  readonly #raw: RawIovaWindow
  readonly #linked: Uint8Array

  /** @internal */
  constructor(device: Device, raw: RawIovaWindow, name: string) {
    super(device.context, device, 'iova-window', name)
    this.#device = device
    this.#raw = raw
    this.#linked = new Uint8Array(raw.pages)
  }

  /** @internal */
  get made(): object {
    return this.#raw
  }

  get pages(): number {
    return this.#raw.pages
  }

  /** Number of the first DMA page; the others follow. */
  get dmaPage(): DmaPage {
    return this.#raw.dmaPage as DmaPage
  }

  /** DMA address of page `index`. */
  dmaAddress(index = 0): DmaAddress {
    if (index >>> 0 !== index || index >= this.pages) {
      throw new RangeError(`no page ${shown(index)} in the window`)
    }
    return dmaAddress(BigInt(this.dmaPage + index) << BigInt(this.#device.dma.limits.pageShift))
  }

  /**
   * Links pages of a buffer. The device may use them after `sync`. `dma_iova_link`
   * Errors: EADDRINUSE (a page is linked already), ENOMEM, EBADF; RangeError outside.
   */
  link(buffer: HostBuffer, options: LinkOptions): void {
    this.checkOpen('window.link')
    checkBuffer(this.#device, buffer, 'window.link')
    checkDirection(options.direction)
    const size = 2 ** this.#device.dma.limits.pageShift
    const bufferPage = checkInteger('bufferPage', options.bufferPage ?? 0, 0)
    const pages = checkPages('pages', options.pages ?? Math.ceil(buffer.bytes / size) - bufferPage)
    buffer.checkInside(bufferPage * size, (pages - 1) * size + 1)
    const at = this.#inside(options.at, pages)
    this.context.call('window.link', undefined, () =>
      this.#raw.link(at, buffer[RAW], bufferPage, pages, options.direction),
    )
    this.#linked.fill(1, at, at + pages)
  }

  /**
   * Makes what is linked visible to the device. `dma_iova_sync` Errors: EINVAL (no page of it is
   * linked), EBADF; RangeError outside.
   */
  sync(at = 0, pages: number = this.pages - at): void {
    this.checkOpen('window.sync')
    this.#inside(at, pages)
    this.context.call('window.sync', undefined, () => this.#raw.sync(at, pages))
  }

  /** Unlinks pages. Errors: EINVAL (one is not linked), EBADF; RangeError. `dma_iova_unlink` */
  unlink(at: number, pages: number): void {
    this.checkOpen('window.unlink')
    this.#inside(at, pages)
    this.context.call('window.unlink', undefined, () => this.#raw.unlink(at, pages))
    this.#linked.fill(0, at, at + pages)
  }

  protected async doClose(): Promise<void> {
    for (let at = 0; at < this.pages; at++) if (this.#linked[at] === 1) this.#raw.unlink(at, 1)
    await this.#raw.close()
  }

  #inside(at: number, pages: number): number {
    checkInteger('at', at, 0)
    checkPages('pages', pages)
    if (at + pages > this.pages) {
      const text = `pages ${at}..+${pages} of window '${this.name}', which has ${this.pages}`
      this.#device[RAW].dma.misuse?.('window-outside', text)
      throw new RangeError(`pages ${at}..+${pages} are outside a window of ${this.pages}`)
    }
    return at
  }
}
