import { IntervalTree } from './interval-tree.js'
import type { ReverseMap } from './reverse-map.js'
import { VmaEntry, type Vma } from './vma.js'

/**
 * Which mappings may map an anonymous page (`struct anon_vma`). One is shared by all mappings that
 * come from the same one by splitting, moving and forking.
 */
export class AnonVma {
  readonly tree = new IntervalTree<VmaEntry>()
  readonly id: number
  readonly #map: ReverseMap

  constructor(map: ReverseMap) {
    this.#map = map
    this.id = map.add(this)
  }

  link(vma: Vma): void {
    vma.anonVma = this
    vma.anonEntry = new VmaEntry(vma)
    this.tree.insert(vma.anonEntry)
  }

  unlink(vma: Vma): void {
    this.tree.remove(vma.anonEntry!)
    vma.anonEntry = undefined
    if (this.tree.size === 0) this.#map.remove(this.id)
  }
}
