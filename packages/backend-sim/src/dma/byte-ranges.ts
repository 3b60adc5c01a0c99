/** Most ranges that are kept; of more, the lowest are forgotten. */
const MOST = 64

/** A few ranges of bytes, `[start, end)`, sorted and disjoint. */
export class ByteRanges {
  readonly #bounds: number[] = []

  get empty(): boolean {
    return this.#bounds.length === 0
  }

  /** Calls `visit` for each range inside `[start, end)`, cut to it. */
  each(start: number, end: number, visit: (from: number, to: number) => void): void {
    for (let at = 0; at < this.#bounds.length; at += 2) {
      const from = Math.max(start, this.#bounds[at]!)
      const to = Math.min(end, this.#bounds[at + 1]!)
      if (from < to) visit(from, to)
    }
  }

  add(start: number, end: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && bounds[at + 1]! < start) at += 2
    let until = at
    while (until < bounds.length && bounds[until]! <= end) {
      start = Math.min(start, bounds[until]!)
      end = Math.max(end, bounds[until + 1]!)
      until += 2
    }
    bounds.splice(at, until - at, start, end)
    if (bounds.length > 2 * MOST) bounds.splice(0, 2)
  }

  remove(start: number, end: number): void {
    if (this.empty) return
    const kept: number[] = []
    for (let at = 0; at < this.#bounds.length; at += 2) {
      const [from, to] = [this.#bounds[at]!, this.#bounds[at + 1]!]
      if (from < start) kept.push(from, Math.min(to, start))
      if (to > end) kept.push(Math.max(from, end), to)
    }
    this.#bounds.splice(0, this.#bounds.length, ...kept)
  }

  overlaps(start: number, end: number): boolean {
    for (let at = 0; at < this.#bounds.length; at += 2) {
      if (this.#bounds[at]! < end && this.#bounds[at + 1]! > start) return true
    }
    return false
  }
}
