import { IntervalTree } from './interval-tree.js'
import type { ReverseMap } from './reverse-map.js'
import { VmaEntry, type Vma } from './vma.js'

/**
 * Which mappings may map an anonymous page (`struct anon_vma`): the one for whose process the page
 * was made, and what was split off, moved or forked from it. A forked mapping has one of its own
 * for its new pages, so that nobody looks for those in the parent.
 */
export class AnonVma {
  readonly tree = new IntervalTree<VmaEntry>()
  readonly id: number
  readonly parent: AnonVma
  readonly root: AnonVma
  /** AnonVmas forked from this one; a root counts itself. */
  children: number
  /** Mappings whose new pages belong here. */
  active = 0
  readonly #map: ReverseMap

  constructor(map: ReverseMap, parent?: AnonVma) {
    this.#map = map
    this.id = map.add(this)
    this.parent = parent ?? this
    this.root = parent?.root ?? this
    this.children = parent === undefined ? 1 : 0
  }

  /** Nothing is mapped through it any more. */
  release(): void {
    this.parent.children--
    this.#map.remove(this.id)
  }
}

/** One of the AnonVmas in which a mapping is found (`struct anon_vma_chain`). */
export interface AnonLink {
  readonly anonVma: AnonVma
  entry: VmaEntry
}

/** Whether pages of other processes may be mapped through `vma` (`vma_is_fork_child`). */
export function isForkChild(vma: Vma): boolean {
  return vma.anonLinks.length > 1
}

/** The new pages of `vma`, which has none yet, belong to `anonVma`. */
export function linkAnon(vma: Vma, anonVma: AnonVma): void {
  vma.anonVma = anonVma
  anonVma.active++
  add(vma, anonVma)
}

/** `copy`, which has none yet, is found wherever `vma` is (`anon_vma_clone`). */
export function cloneAnon(copy: Vma, vma: Vma): void {
  if (vma.anonVma === undefined) return
  for (const { anonVma } of vma.anonLinks) add(copy, anonVma)
  copy.anonVma = vma.anonVma
  copy.anonVma.active++
}

/**
 * The same for a fork: the child's new pages get an AnonVma of their own, or one that nobody else
 * uses for new pages (`anon_vma_fork`).
 */
export function forkAnon(child: Vma, vma: Vma): void {
  const parent = vma.anonVma
  if (parent === undefined) return
  for (const { anonVma } of vma.anonLinks) {
    add(child, anonVma)
    if (child.anonVma !== undefined || anonVma.active > 0 || anonVma.children > 1) continue
    child.anonVma = anonVma
    anonVma.active++
  }
  if (child.anonVma !== undefined) return
  linkAnon(child, new AnonVma(vma.mm.machine.reverseMap, parent))
  parent.children++
}

/** `vma` is found nowhere any more (`unlink_anon_vmas`). */
export function unlinkAnon(vma: Vma): void {
  if (vma.anonVma === undefined) return
  for (const { anonVma, entry } of vma.anonLinks) {
    anonVma.tree.remove(entry)
    if (anonVma.tree.size === 0) anonVma.release()
  }
  vma.anonLinks = []
  vma.anonVma.active--
  vma.anonVma = undefined
}

function add(vma: Vma, anonVma: AnonVma): void {
  const entry = new VmaEntry(vma, vma.anonPgoff)
  vma.anonLinks.unshift({ anonVma, entry })
  anonVma.tree.insert(entry)
}
