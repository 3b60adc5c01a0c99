import type { RawDmaList, RawSegment } from '@hmm-sdk/hmm-api/raw'
import type { SimDmaMapping } from './streaming-mapping.js'

/** A live list: a mapping for each piece, which watches its bytes, and what they lie in together. */
export class SimDmaList implements RawDmaList {
  readonly segments: readonly RawSegment[]
  readonly #pieces: readonly SimDmaMapping[]
  readonly #end: (list: SimDmaList) => void
  #live = true

  /** `end` gives back what the pieces lie in. */
  constructor(
    segments: readonly RawSegment[],
    pieces: readonly SimDmaMapping[],
    end: (list: SimDmaList) => void,
  ) {
    this.segments = segments
    this.#pieces = pieces
    this.#end = end
  }

  get revocable(): boolean {
    return this.#pieces.every((piece) => piece.revocable)
  }

  /** The mapping of its first piece, which stands for it in reports. */
  get first(): SimDmaMapping {
    return this.#pieces[0]!
  }

  get pieces(): readonly SimDmaMapping[] {
    return this.#pieces
  }

  sync(to: 'cpu' | 'device'): void {
    for (const piece of this.#pieces) piece.sync(to, 0, piece.bytes)
  }

  unmap(): void {
    if (!this.#live) return
    // Asked first: pieces may be those of others as soon as they are unmapped.
    this.#live = false
    for (const piece of this.#pieces) piece.unmap()
    this.#end(this)
  }
}
