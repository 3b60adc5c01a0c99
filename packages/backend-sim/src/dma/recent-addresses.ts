/** Ranges that are remembered, a power of two. */
const SIZE = 1024

/** Where things were mapped that are not any more: the last thousand. */
export class RecentAddresses {
  /** Starts and ends by turns; made when it is first needed, since devices are opened often. */
  #bounds: Float64Array | undefined
  #next = 0

  /** Bytes `[start, end)` of DMA space. */
  add(start: number, end: number): void {
    const bounds = (this.#bounds ??= new Float64Array(2 * SIZE))
    const at = this.#next
    bounds[at] = start
    bounds[at + 1] = end
    this.#next = (at + 2) & (2 * SIZE - 1)
  }

  has(address: number): boolean {
    const bounds = this.#bounds
    if (bounds === undefined) return false
    for (let at = 0; at < bounds.length; at += 2) {
      if (address >= bounds[at]! && address < bounds[at + 1]!) return true
    }
    return false
  }
}
