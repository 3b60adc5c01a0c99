import type { AnonVma } from './anon-vma.js'
import type { IntervalTree } from './interval-tree.js'
import { KsmPage } from './ksm.js'
import type { MemoryFile } from './memory-file.js'
import type { Vma, VmaEntry } from './vma.js'

type Mapping = AnonVma | MemoryFile | KsmPage

/** Pages of a process, at which those from number `at` on may be mapped. */
export interface MappedRun {
  readonly vma: Vma
  readonly page: number
  readonly pages: number
  readonly at: number
}

/** `folio->mapping`: what frames belong to, by small numbers that fit the frame table. */
export class ReverseMap {
  readonly #objects: (Mapping | undefined)[] = [undefined]
  readonly #free: number[] = []

  add(object: Mapping): number {
    const id = this.#free.pop() ?? this.#objects.length
    this.#objects[id] = object
    return id
  }

  remove(id: number): void {
    this.#objects[id] = undefined
    this.#free.push(id)
  }

  get(id: number): Mapping | undefined {
    return this.#objects[id]
  }

  /**
   * Calls `visit` for each place where a page with that mapping and (32-bit) index may be mapped
   * (`rmap_walk`). The page table entry there may still be another page's.
   */
  walk(mapping: number, index: number, visit: (vma: Vma, page: number) => void): void {
    for (const [vma, page] of this.places(mapping, index)) visit(vma, page)
  }

  /** Where adjoining pages of anonymous memory may be mapped: `count` of them, the first with that index. */
  runs(mapping: number, index: number, count: number): readonly MappedRun[] {
    const object = this.#objects[mapping]
    const found: MappedRun[] = []
    if (object === undefined || object instanceof KsmPage) return found
    for (let offset = index; offset < MAX_OFFSET; offset += 2 ** 32) {
      object.tree.forEachOverlap(offset, offset + count - 1, ({ vma, first }) => {
        const begin = vma.start + (offset - first)
        const page = Math.max(vma.start, begin)
        const pages = Math.min(vma.end, begin + count) - page
        if (pages <= 0 || found.some((run) => run.vma === vma && run.page === page)) return
        found.push({ vma, page, pages, at: page - begin })
      })
    }
    return found
  }

  /** The places that `walk` visits. */
  places(mapping: number, index: number): readonly (readonly [Vma, number])[] {
    const object = this.#objects[mapping]
    const found: [Vma, number][] = []
    if (object instanceof KsmPage) {
      for (const place of object.places) collect(place.anonVma.tree, place.index, found)
    } else if (object !== undefined) collect(object.tree, index, found)
    return found
  }
}

function collect(tree: IntervalTree<VmaEntry>, index: number, found: [Vma, number][]): void {
  // Offsets of anonymous memory need more than 32 bits: try each high part that is in use.
  for (let offset = index; offset < MAX_OFFSET; offset += 2 ** 32) {
    tree.forEachOverlap(offset, offset, (entry) => {
      const { vma } = entry
      const page = entry.pageAt(offset)
      if (page === undefined || found.some((pair) => pair[0] === vma && pair[1] === page)) return
      found.push([vma, page])
    })
  }
}

/** Offsets end where a 47-bit address space of 4 KiB pages does. */
const MAX_OFFSET = 2 ** 35
