import type { RawDmaMapping } from '@hmm-sdk/hmm-api/raw'
import type { DmaTranslation } from './dma-translation.js'

/** A live mapping of a buffer (`dma_map_phys`). */
export class SimDmaMapping implements RawDmaMapping {
  readonly dmaPage: number
  readonly offset: number
  readonly revocable: boolean
  readonly #pages: number
  readonly #translation: DmaTranslation
  readonly #live: Set<SimDmaMapping>

  constructor(
    translation: DmaTranslation,
    live: Set<SimDmaMapping>,
    dmaPage: number,
    pages: number,
    offset: number,
  ) {
    this.#translation = translation
    this.#live = live
    this.dmaPage = dmaPage
    this.#pages = pages
    this.offset = offset
    this.revocable = translation.domain !== undefined
    live.add(this)
  }

  /** Device and CPU see the same data here: there is nothing to move. */
  sync(_to: 'cpu' | 'device', _offset: number, _bytes: number): void {}

  unmap(): void {
    if (this.#live.delete(this)) this.#translation.unmap(this.dmaPage, this.#pages)
  }
}
