import { HmmError } from '@hmm-sdk/hmm-api'
import type { Machine } from '../sim/machine.js'
import type { DmaTranslation, TranslationFault } from './dma-translation.js'
import { IOPTE_CLASSIC, IOPTE_FRAME, IOPTE_READ, IOPTE_WRITE } from './iopte.js'

/**
 * No IOMMU: a DMA page is a page of memory. Nothing can be revoked, and a device that uses an
 * address after it was unmapped really reaches what is there by then.
 */
export class DirectDma implements DmaTranslation {
  readonly domain = undefined
  readonly #machine: Machine
  #limit: number

  constructor(machine: Machine, maskBits: number) {
    this.#machine = machine
    this.#limit = 2 ** (maskBits - machine.pageShift)
  }

  setMask(bits: number): void {
    this.#limit = 2 ** (bits - this.#machine.pageShift)
  }

  reaches(firstFrame: number, pages: number): boolean {
    return this.#machine.dma.busPage(firstFrame) + pages <= this.#limit
  }

  map(firstFrame: number, pages: number, _write: boolean): number {
    const dmaPage = this.#machine.dma.busPage(firstFrame)
    if (dmaPage + pages > this.#limit) {
      throw new HmmError('EIO', {
        message: 'the buffer lies beyond the DMA mask of the device',
        hint: 'Set a wider mask, or put the device behind an IOMMU.',
      })
    }
    return dmaPage
  }

  unmap(): void {}

  mapped(dmaPage: number): boolean {
    return typeof this.translate(dmaPage, false) === 'number'
  }

  classic(): boolean {
    return true
  }

  translate(dmaPage: number, _write: boolean): number | TranslationFault {
    const frame = this.#machine.dma.frameAt(dmaPage)
    const { refs } = this.#machine.frames
    const there = frame > 0 && frame < refs.length && refs[frame]! > 0
    const rights = IOPTE_READ | IOPTE_WRITE | IOPTE_CLASSIC
    return there ? (rights | (frame & IOPTE_FRAME)) >>> 0 : 'no-memory'
  }

  flush(): void {}

  destroy(): void {}
}
