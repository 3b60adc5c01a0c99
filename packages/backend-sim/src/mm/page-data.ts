/**
 * The bytes of pages. A page that was never written has none and reads as zeros; buffers of freed
 * pages are used again.
 */
export class PageData {
  readonly pageSize: number
  /** Buffer of each slot; slot 0 stands for "all zeros". */
  readonly #buffers: (Uint8Array | undefined)[] = [undefined]
  readonly #free: number[] = []

  constructor(pageSize: number) {
    this.pageSize = pageSize
  }

  /** Bytes of a slot, undefined if they are all zero. Not to be kept. */
  view(slot: number): Uint8Array | undefined {
    return this.#buffers[slot]
  }

  /** A slot with zeros, to be written. */
  allocate(): number {
    const slot = this.#free.pop()
    if (slot !== undefined) {
      this.#buffers[slot]!.fill(0)
      return slot
    }
    return this.#buffers.push(new Uint8Array(this.pageSize)) - 1
  }

  /** A slot with the bytes of `from`; 0 for 0. */
  duplicate(from: number): number {
    const source = this.#buffers[from]
    if (source === undefined) return 0
    const slot = this.#free.pop() ?? this.#buffers.push(new Uint8Array(this.pageSize)) - 1
    this.#buffers[slot]!.set(source)
    return slot
  }

  release(slot: number): void {
    if (slot !== 0) this.#free.push(slot)
  }

  /** Slots in use. */
  get used(): number {
    return this.#buffers.length - 1 - this.#free.length
  }
}
