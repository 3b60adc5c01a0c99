/** Until the first table is asked for. */
const NONE = new Uint32Array(0)

/**
 * Where page tables live: one typed array, cut into tables of `2^bits` words. Table 0 is never
 * handed out, so that 0 can mean "none".
 *
 * `words` is replaced when the arena grows: read it again after anything that may allocate.
 */
export class TableArena {
  readonly bits: number
  words: Uint32Array
  readonly #free: number[] = []
  #next = 1

  constructor(bits: number) {
    this.bits = bits
    this.words = NONE
  }

  /** Tables in use. */
  get used(): number {
    return this.#next - 1 - this.#free.length
  }

  /** A table of zeros. */
  allocate(): number {
    const table = this.#free.pop()
    if (table !== undefined) return table
    if ((this.#next + 1) << this.bits > this.words.length) {
      const tables = this.words.length >>> this.bits
      // One process needs four, and simulations are made by the thousand.
      const more = tables === 0 ? 5 : (tables >>> (tables < 256 ? 3 : 4)) + 8
      const words = new Uint32Array((tables + more) << this.bits)
      words.set(this.words)
      this.words = words
    }
    return this.#next++
  }

  /** Takes back a table, whatever is in it. */
  release(table: number): void {
    this.words.fill(0, table << this.bits, (table + 1) << this.bits)
    this.#free.push(table)
  }
}
