import type { PageData } from './page-data.js'

/** Swapped-out pages: their bytes, and how many page table entries refer to each. */
export class Swap {
  readonly #data: PageData
  readonly #refs: number[] = [0]
  readonly #slots: number[] = [0]
  readonly #free: number[] = []

  constructor(data: PageData) {
    this.#data = data
  }

  /** Entries in use. */
  get used(): number {
    return this.#refs.length - 1 - this.#free.length
  }

  /** A swap entry with the bytes of `slot`, without a reference yet. */
  store(slot: number): number {
    const entry = this.#free.pop() ?? this.#refs.length
    this.#refs[entry] = 0
    this.#slots[entry] = this.#data.duplicate(slot)
    return entry
  }

  /** A slot with a copy of the bytes. */
  load(entry: number): number {
    return this.#data.duplicate(this.#slots[entry]!)
  }

  refs(entry: number): number {
    return this.#refs[entry]!
  }

  /** `swap_duplicate`. */
  get(entry: number): void {
    this.#refs[entry]!++
  }

  /** `swap_free`: the last reference frees the entry. */
  put(entry: number): void {
    const refs = this.#refs[entry]! - 1
    this.#refs[entry] = refs
    if (refs > 0) return
    this.#data.release(this.#slots[entry]!)
    this.#free.push(entry)
  }
}
