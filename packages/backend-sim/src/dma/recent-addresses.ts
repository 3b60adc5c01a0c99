/** Ranges that are remembered. */
const SIZE = 1024

/** Where things were mapped that are not any more: the last thousand. */
export class RecentAddresses {
  readonly #starts = new Float64Array(SIZE)
  readonly #ends = new Float64Array(SIZE)
  #next = 0

  /** Bytes `[start, end)` of DMA space. */
  add(start: number, end: number): void {
    const at = this.#next
    this.#starts[at] = start
    this.#ends[at] = end
    this.#next = (at + 1) % SIZE
  }

  has(address: number): boolean {
    for (let i = 0; i < SIZE; i++) {
      if (address >= this.#starts[i]! && address < this.#ends[i]!) return true
    }
    return false
  }
}
