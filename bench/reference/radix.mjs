const BITS = 9
const MASK = (1 << BITS) - 1

/** Four levels of 9 bits in one Uint32Array, walked from the root for every page; tables stay. */
export class Radix {
  words = new Uint32Array(1 << 20)
  next = 2

  insert(page, value) {
    const words = this.words
    let table = 1
    for (let shift = 3 * BITS; shift > 0; shift -= BITS) {
      const at = (table << BITS) + ((page >>> shift) & MASK)
      table = words[at]
      if (table === 0) {
        table = this.next++
        words[at] = table
      }
    }
    words[(table << BITS) + (page & MASK)] = value
  }

  remove(page) {
    const words = this.words
    let table = 1
    for (let shift = 3 * BITS; shift > 0; shift -= BITS) {
      table = words[(table << BITS) + ((page >>> shift) & MASK)]
      if (table === 0) return
    }
    words[(table << BITS) + (page & MASK)] = 0
  }

  /** Inserts `pages` pages from `first` on and removes them again, `times` times. */
  cycle(first, pages, times) {
    for (let time = 0; time < times; time++) {
      for (let i = 0; i < pages; i++) this.insert(first + i, i + 1)
      for (let i = 0; i < pages; i++) this.remove(first + i)
    }
  }
}
