import type { RawDmaMapping } from '@hmm-sdk/hmm-api/raw'
import type { DmaTranslation } from './dma-translation.js'

/** A live mapping of a buffer (`dma_map_phys`). */
export class SimDmaMapping implements RawDmaMapping {
  readonly dmaPage: number
  readonly offset: number
  readonly revocable: boolean
  readonly #pages: number
  readonly #translation: DmaTranslation
  readonly #live: SimDmaMapping[]
  /** Its place in `#live`, -1 once unmapped. */
  #place: number

  constructor(
    translation: DmaTranslation,
    live: SimDmaMapping[],
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
    this.#place = live.push(this) - 1
  }

  /** Device and CPU see the same data here: there is nothing to move. */
  sync(_to: 'cpu' | 'device', _offset: number, _bytes: number): void {}

  unmap(): void {
    const place = this.#place
    if (place < 0) return
    this.#place = -1
    // The last one takes its place: an array does that ten times as fast as a set.
    const last = this.#live.pop()!
    if (last !== this) {
      this.#live[place] = last
      last.#place = place
    }
    this.#translation.unmap(this.dmaPage, this.#pages)
  }
}
