import { anonPrepare } from './anon-prepare.js'
import type { Operation } from '../sim/operation.js'
import { canBeWritable } from './can-be-writable.js'
import { FAULT_DONE, FAULT_EVENT } from './fault-code.js'
import { FRAME_ANON, FRAME_EXCLUSIVE, FRAME_LARGE, ZERO_FRAME } from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_FRAME,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_WRITTEN,
  PTE_YOUNG,
  ptePresent,
} from './pte.js'
import { VM_HUGEPAGE, VM_NOHUGEPAGE, VM_UFFD_WP, type Vma } from './vma.js'

/*
 * Transparent huge pages: a leaf of a page table, all of whose pages are one block of memory.
 *
 * The leaf keeps an entry for each page, as the kernel keeps a page table in store for the day of
 * the split; a mark in the table above says that it is one mapping (a PMD leaf). So what only reads
 * entries need not care, and what changes a part of them splits first.
 */

/** First page of the block that `page` is in. */
export function blockOf(mm: MemoryMap, page: number): number {
  return page - (page & mm.tables.mask)
}

/** Whether a fault of `page` may take a whole block (`thp_vma_allowable_order`). */
export function mayBeHuge(mm: MemoryMap, vma: Vma, page: number, forced: boolean): boolean {
  if (vma.file !== undefined || (vma.flags & VM_NOHUGEPAGE) !== 0) return false
  const { thp } = mm.machine
  const wanted = thp === 'always' || (thp === 'madvise' && (vma.flags & VM_HUGEPAGE) !== 0)
  if (!wanted && !forced) return false
  const block = blockOf(mm, page)
  return block >= vma.start && block + mm.tables.leafPages <= vma.end
}

/**
 * `do_huge_pmd_anonymous_page`: the huge zero page for a read, a block of memory for a write. No
 * event. False if there is no block to be had: then small pages will have to do.
 */
export function hugeFault(mm: MemoryMap, vma: Vma, page: number, write: boolean): boolean {
  const { frames } = mm.machine
  const pages = mm.tables.leafPages
  const block = blockOf(mm, page)
  // Also for what is only read: a fork copies it then.
  anonPrepare(vma)
  if (!write) {
    const zero = frames.hugeZero(pages)
    if (zero === 0) return false
    setBlock(mm, block, PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG | zero)
    return true
  }
  const first = frames.allocateHuge(pages, FRAME_ANON | FRAME_EXCLUSIVE)
  if (first === 0) return false
  mapBlock(mm, vma, block, first)
  return true
}

/** `do_huge_pmd_wp_page`. Undefined if the block was split, and its page is to be looked at again. */
export function hugeWriteFault(
  mm: MemoryMap,
  vma: Vma,
  page: number,
  pte: number,
): number | undefined {
  const { frames } = mm.machine
  const pages = mm.tables.leafPages
  const block = blockOf(mm, page)
  const inPasses = mm.machine.scheduler.explorer !== undefined
  if ((pte & PTE_SPECIAL) !== 0) {
    if (inPasses) return FAULT_EVENT
    const first = blockForZero(mm)
    if (first !== 0) {
      anonPrepare(vma)
      mm.invalidateStart('clear', block, block + pages)
      mapBlock(mm, vma, block, first)
      mm.invalidateEnd()
      return FAULT_DONE
    }
  } else if (ownBlock(mm, block)) {
    const { words } = mm.tables.arena
    const leaf = mm.tables.leaf(block)
    for (let i = 0; i < pages; i++) {
      frames.flags[words[leaf + i]! & PTE_FRAME]! |= FRAME_EXCLUSIVE
      words[leaf + i]! |= PTE_WRITE | PTE_WRITTEN | PTE_YOUNG
    }
    return FAULT_DONE
  }
  if (inPasses) return FAULT_EVENT
  splitHuge(mm, block)
  return undefined
}

/**
 * What `hugeWriteFault` does with an event, where others may run between its two passes and be faster:
 * a block in place of the huge zero page, or a split, after which the page is to be looked at again.
 */
export function* hugeWriteInPasses(mm: MemoryMap, vma: Vma, page: number): Operation<void> {
  const { frames } = mm.machine
  const block = blockOf(mm, page)
  const pte = mm.tables.get(block)
  const zero = ptePresent(pte) && (pte & PTE_SPECIAL) !== 0
  const noted = (pte & PTE_UFFD_WP) !== 0 && (vma.flags & VM_UFFD_WP) !== 0
  const first = zero && !noted ? blockForZero(mm) : 0
  if (first === 0) {
    yield* splitHugeInPasses(mm, block)
    return
  }
  const pages = mm.tables.leafPages
  anonPrepare(vma)
  yield* mm.invalidateStartInPasses('clear', block, block + pages)
  // `pmd_same`
  if (mm.tables.isHuge(block) && mm.tables.get(block) === pte) mapBlock(mm, vma, block, first)
  else for (let frame = first; frame < first + pages; frame++) frames.put(frame)
  mm.invalidateEnd()
}

/** A block for a write to the huge zero page; 0 if there is none, or this kernel takes small pages. */
function blockForZero({ machine, tables }: MemoryMap): number {
  if (!machine.kernel.replacesHugeZero) return 0
  return machine.frames.allocateHuge(tables.leafPages, FRAME_ANON | FRAME_EXCLUSIVE)
}

/** `do_huge_pmd_numa_page`: the whole block gets its rights back. No event. */
export function hugeNumaFault(mm: MemoryMap, vma: Vma, page: number): number {
  const { words } = mm.tables.arena
  const leaf = mm.tables.leaf(page)
  for (let at = leaf; at <= leaf + mm.tables.mask; at++) {
    const pte = words[at]! & ~PTE_PROTNONE
    words[at] = canBeWritable(mm, vma, pte) ? pte | PTE_WRITE : pte
  }
  return FAULT_DONE
}

/** Whether only this process has the block: then it may write without a copy. */
function ownBlock(mm: MemoryMap, block: number): boolean {
  const { flags, refs } = mm.machine.frames
  const { words } = mm.tables.arena
  const leaf = mm.tables.leaf(block)
  let alone = true
  let exclusive = true
  for (let at = leaf; at <= leaf + mm.tables.mask; at++) {
    const frame = words[at]! & PTE_FRAME
    if ((flags[frame]! & FRAME_EXCLUSIVE) === 0) exclusive = false
    if (refs[frame] !== 1) alone = false
  }
  return exclusive || alone
}

/**
 * `__split_huge_pmd`: the block is mapped page by page from now on. A CLEAR event over all of it.
 * Does nothing if `page` is not in a huge mapping.
 */
export function splitHuge(mm: MemoryMap, page: number): void {
  const { tables } = mm
  if (!tables.isHuge(page)) return
  const block = blockOf(mm, page)
  mm.invalidateStart('clear', block, block + tables.leafPages)
  unmarkHuge(mm, block)
  mm.invalidateEnd()
}

/** The same where others may run between the two passes of the event, and be faster. */
export function* splitHugeInPasses(mm: MemoryMap, page: number): Operation<void> {
  const { tables } = mm
  if (!tables.isHuge(page)) return
  const block = blockOf(mm, page)
  yield* mm.invalidateStartInPasses('clear', block, block + tables.leafPages)
  if (tables.isHuge(block)) unmarkHuge(mm, block)
  mm.invalidateEnd()
}

/**
 * The split without its event (`__split_huge_pmd_locked`). What is mapped of a file is not mapped any
 * more: a fault finds it again.
 */
export function unmarkHuge(mm: MemoryMap, block: number): void {
  const { tables } = mm
  if (mm.vmas.find(block)?.anonymous === false) {
    dropFileBlock(mm, block)
    return
  }
  tables.setHuge(block, false)
  const { words } = tables.arena
  const leaf = tables.leaf(block)
  for (let at = leaf; at <= leaf + tables.mask; at++) {
    const pte = words[at]!
    const special = ptePresent(pte) && (pte & PTE_SPECIAL) !== 0
    if (special) words[at] = (pte & ~PTE_FRAME) | ZERO_FRAME
  }
}

function dropFileBlock(mm: MemoryMap, block: number): void {
  const { frames } = mm.machine
  const { words } = mm.tables.arena
  const leaf = mm.tables.leaf(block)
  for (let at = leaf; at <= leaf + mm.tables.mask; at++) {
    const pte = words[at]!
    if ((pte & PTE_SPECIAL) !== 0) continue
    const frame = pte & PTE_FRAME
    frames.maps[frame]!--
    frames.put(frame)
  }
  mm.tables.dropLeaf(block)
}

/** Splits the block of `[from, to)`, which lies in one, unless that is all of it. */
export function* splitHugeUnlessWhole(mm: MemoryMap, from: number, to: number): Operation<void> {
  if (to - from < mm.tables.leafPages) yield* splitHugeInPasses(mm, from)
}

/** Whether somebody but page tables has a reference of a page of the block. */
export function blockPinned(mm: MemoryMap, block: number): boolean {
  const { refs, maps } = mm.machine.frames
  const { words } = mm.tables.arena
  const leaf = mm.tables.leaf(block)
  for (let at = leaf; at <= leaf + mm.tables.mask; at++) {
    const pte = words[at]!
    if (!ptePresent(pte) || (pte & PTE_SPECIAL) !== 0) continue
    if (refs[pte & PTE_FRAME]! > maps[pte & PTE_FRAME]!) return true
  }
  return false
}

/** Maps the frames from `first` on, which have one reference each, at `block`, writable. */
export function mapBlock(mm: MemoryMap, vma: Vma, block: number, first: number): void {
  const { frames } = mm.machine
  const pages = mm.tables.leafPages
  const index = vma.anonOffsetOf(block)
  frames.maps.fill(1, first, first + pages)
  frames.mapping.fill(vma.anonVma!.id, first, first + pages)
  for (let i = 0; i < pages; i++) {
    frames.index[first + i] = index + i
    frames.flags[first + i]! |= FRAME_LARGE
  }
  setBlock(mm, block, PTE_PRESENT | PTE_WRITE | PTE_WRITTEN | PTE_YOUNG | first)
}

/** Maps adjoining frames at `block` by one entry like `entry`, the first. */
export function setBlock(mm: MemoryMap, block: number, entry: number): void {
  const leaf = mm.tables.ensureLeaf(block)
  const { words } = mm.tables.arena
  for (let i = 0; i <= mm.tables.mask; i++) words[leaf + i] = entry + i
  mm.tables.setHuge(block, true)
}
