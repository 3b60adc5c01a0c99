import type { Strand } from './strand.js'

interface Edge {
  readonly strand: Strand
  readonly source: string | undefined
}

interface Held {
  readonly lock: object
  readonly name: string
}

/** In which order locks are taken, as the kernel's lockdep knows it. */
export class LockOrder {
  readonly #held = new Map<Strand, Held[]>()
  readonly #after = new Map<object, Map<object, Edge>>()

  /** `strand` is about to wait for `lock`; a sentence if others take the locks the other way round. */
  wanted(strand: Strand, lock: object, name: string): string | undefined {
    for (const held of this.#held.get(strand) ?? []) {
      if (held.lock === lock) {
        return `mutex '${name}' is taken twice by ${strand.name}\n  ${strand.name}${at(strand.source)}`
      }
      const other = this.#path(lock, held.lock)
      if (other !== undefined) {
        return (
          `mutex '${held.name}' before '${name}' in ${strand.name}, ` +
          `the other way round in ${other.strand.name}\n` +
          `  ${strand.name}${at(strand.source)}\n  ${other.strand.name}${at(other.source)}`
        )
      }
      let after = this.#after.get(held.lock)
      if (after === undefined) this.#after.set(held.lock, (after = new Map()))
      if (!after.has(lock)) after.set(lock, { strand, source: strand.source })
    }
    return undefined
  }

  acquired(strand: Strand, lock: object, name: string): void {
    const held = this.#held.get(strand)
    if (held === undefined) this.#held.set(strand, [{ lock, name }])
    else held.push({ lock, name })
  }

  /** By whoever: a lock may be given back by another strand than the one that took it. */
  released(lock: object): void {
    for (const held of this.#held.values()) {
      const index = held.findIndex((each) => each.lock === lock)
      if (index >= 0) return void held.splice(index, 1)
    }
  }

  /** The first step of a way from `from` to `to`. */
  #path(from: object, to: object, seen = new Set<object>()): Edge | undefined {
    seen.add(from)
    for (const [next, edge] of this.#after.get(from) ?? []) {
      if (next === to) return edge
      if (!seen.has(next) && this.#path(next, to, seen) !== undefined) return edge
    }
    return undefined
  }
}

function at(source: string | undefined): string {
  return source === undefined ? '' : ` at ${source}`
}
