import type { AnonVma } from './anon-vma.js'
import type { IntervalTree } from './interval-tree.js'
import type { MemoryFile } from './memory-file.js'
import type { Vma, VmaEntry } from './vma.js'

/** `folio->mapping`: what frames belong to, by small numbers that fit the frame table. */
export class ReverseMap {
  readonly #objects: (AnonVma | MemoryFile | undefined)[] = [undefined]
  readonly #free: number[] = []

  add(object: AnonVma | MemoryFile): number {
    const id = this.#free.pop() ?? this.#objects.length
    this.#objects[id] = object
    return id
  }

  remove(id: number): void {
    this.#objects[id] = undefined
    this.#free.push(id)
  }

  get(id: number): AnonVma | MemoryFile | undefined {
    return this.#objects[id]
  }

  /**
   * Calls `visit` for each place where a page with that mapping and (32-bit) index may be mapped
   * (`rmap_walk`). The page table entry there may still be another page's.
   */
  walk(mapping: number, index: number, visit: (vma: Vma, page: number) => void): void {
    const tree: IntervalTree<VmaEntry> | undefined = this.#objects[mapping]?.tree
    if (tree === undefined) return
    // Offsets of anonymous memory need more than 32 bits: try each high part that is in use.
    const places: [Vma, number][] = []
    for (let offset = index; offset < MAX_OFFSET; offset += 2 ** 32) {
      tree.forEachOverlap(offset, offset, ({ vma }) => {
        const page = vma.pageAt(offset)
        if (page !== undefined) places.push([vma, page])
      })
    }
    for (const [vma, page] of places) visit(vma, page)
  }
}

/** Offsets end where a 47-bit address space of 4 KiB pages does. */
const MAX_OFFSET = 2 ** 35
