/** Buffers of simulations that are gone, all of one size and with anything in them, for those to come. */
const spare: Uint8Array[] = []
const MOST_SPARE = 64

/**
 * The bytes of pages. A page that was never written has none and reads as zeros; buffers of freed
 * pages are used again.
 */
export class PageData {
  readonly pageSize: number
  /** Buffer of each slot; slot 0 stands for "all zeros". */
  #buffers: (Uint8Array | undefined)[] = [undefined]
  #free: number[] = []

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
    return this.#buffers.push(this.#spare()?.fill(0) ?? new Uint8Array(this.pageSize)) - 1
  }

  /** A slot with the bytes of `from`; 0 for 0. */
  duplicate(from: number): number {
    const source = this.#buffers[from]
    if (source === undefined) return 0
    const slot =
      this.#free.pop() ?? this.#buffers.push(this.#spare() ?? new Uint8Array(this.pageSize)) - 1
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

  /** Gives its buffers to the next simulation, if none is in use. It must not be used again. */
  retire(): void {
    if (this.used > 0) return
    if (spare.length > 0 && spare[0]!.length !== this.pageSize) spare.length = 0
    for (let i = 1; i < this.#buffers.length && spare.length < MOST_SPARE; i++) {
      spare.push(this.#buffers[i]!)
    }
    this.#buffers = [undefined]
    this.#free = []
  }

  /** A buffer that another simulation used, with whatever is in it. */
  #spare(): Uint8Array | undefined {
    return spare.length > 0 && spare[0]!.length === this.pageSize ? spare.pop() : undefined
  }
}
