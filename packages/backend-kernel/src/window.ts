import type { DmaDirection, RawBuffer, RawIovaWindow } from '@hmm-sdk/hmm-api/raw'
import type { KernelBuffer } from './buffer.js'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

/** The module's number of a direction. */
export const DIRECTIONS: Readonly<Record<DmaDirection, number>> = {
  bidirectional: uapi.BIDIRECTIONAL,
  'to-device': uapi.TO_DEVICE,
  'from-device': uapi.FROM_DEVICE,
}

/** A reserved run of DMA pages, linked to buffers piece by piece. */
export class KernelWindow implements RawIovaWindow {
  readonly dmaPage: number
  readonly pages: number
  readonly #descriptor: Descriptor
  readonly #window: number
  readonly #closed: () => void

  constructor(
    descriptor: Descriptor,
    ids: { readonly window: number; readonly dmaPage: number; readonly pages: number },
    closed: () => void,
  ) {
    this.#descriptor = descriptor
    this.#window = ids.window
    this.dmaPage = ids.dmaPage
    this.pages = ids.pages
    this.#closed = closed
  }

  link(
    at: number,
    buffer: RawBuffer,
    bufferPage: number,
    pages: number,
    direction: DmaDirection,
  ): void {
    const values = {
      window: this.#window,
      buffer: (buffer as KernelBuffer).buffer,
      at,
      bufferPage,
      pages,
      direction: DIRECTIONS[direction],
    }
    this.#descriptor.once(uapi.IOC_WINDOW_LINK, uapi.WindowLink, values, (result, call) =>
      check(result, { reason: call.get('reason') }),
    )
  }

  sync(at: number, pages: number): void {
    this.#ranged(uapi.IOC_WINDOW_SYNC, at, pages)
  }

  unlink(at: number, pages: number): void {
    this.#ranged(uapi.IOC_WINDOW_UNLINK, at, pages)
  }

  async close(): Promise<void> {
    const values = { window: this.#window }
    await this.#descriptor.onceAsync(uapi.IOC_WINDOW_CLOSE, uapi.WindowClose, values, (result) =>
      check(result),
    )
    this.#closed()
  }

  #ranged(request: number, at: number, pages: number): void {
    const values = { window: this.#window, at, pages }
    this.#descriptor.once(request, uapi.WindowRange, values, (result) => check(result))
  }
}
