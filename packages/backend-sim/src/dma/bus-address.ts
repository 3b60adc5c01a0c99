import type { Machine } from '../sim/machine.js'
import type { DmaTranslation, TranslationFault } from './dma-translation.js'
import { IOPTE_CLASSIC, IOPTE_FRAME, IOPTE_READ, IOPTE_WRITE } from './iopte.js'

/**
 * Memory of a peer by its bus address: the request is answered by a switch on the way and never
 * comes to an IOMMU. Nothing is mapped, and nothing can be revoked.
 */
export class BusAddresses implements DmaTranslation {
  readonly domain = undefined
  readonly #machine: Machine

  constructor(machine: Machine) {
    this.#machine = machine
  }

  setMask(): void {}

  reaches(): boolean {
    return true
  }

  map(firstFrame: number, _pages: number, _write: boolean): number {
    return this.#machine.dma.busPage(firstFrame)
  }

  unmap(): void {}

  mapped(dmaPage: number): boolean {
    return this.#machine.dma.frameAt(dmaPage) !== 0
  }

  classic(): boolean {
    return true
  }

  translate(dmaPage: number): number | TranslationFault {
    const frame = this.#machine.dma.frameAt(dmaPage)
    if (frame === 0) return 'no-memory'
    return (IOPTE_READ | IOPTE_WRITE | IOPTE_CLASSIC | (frame & IOPTE_FRAME)) >>> 0
  }

  flush(): void {}

  destroy(): void {}
}
