/** Until the first table is asked for. */
const NONE = new Uint32Array(0)
/** Tables that an arena begins with: one process needs four, and simulations are made by the thousand. */
const FIRST = 5
/** Words of arenas that are gone, zeros all; a few, for the arenas of the next simulation. */
const spare: Uint32Array[] = []
const MOST_SPARE = 4

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
      const more = tables === 0 ? FIRST : (tables >>> (tables < 256 ? 3 : 4)) + 8
      const length = (tables + more) << this.bits
      const used = tables === 0 ? spare.findIndex((each) => each.length === length) : -1
      const words = used < 0 ? new Uint32Array(length) : spare.splice(used, 1)[0]!
      words.set(this.words)
      this.words = words
    }
    return this.#next++
  }

  /** Gives its memory to the next arena, if all tables were taken back. It must not be used again. */
  retire(): void {
    if (this.used === 0 && this.#next - 1 <= FIRST && spare.length < MOST_SPARE) {
      if (this.words.length > 0) spare.push(this.words)
    }
    this.words = NONE
  }

  /** Takes back a table, whatever is in it. */
  release(table: number): void {
    this.words.fill(0, table << this.bits, (table + 1) << this.bits)
    this.#free.push(table)
  }
}
