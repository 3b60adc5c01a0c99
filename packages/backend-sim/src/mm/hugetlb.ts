import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { FRAME_ANON, FRAME_DIRTY, FRAME_EXCLUSIVE } from './frame-table.js'
import { filePart } from './file-part.js'
import type { HugetlbFile } from './hugetlb-file.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DIRTY,
  PTE_FRAME,
  PTE_MARKER,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_UFFD_WP,
  PTE_WRITE,
} from './pte.js'
import { VM_HUGETLB, VM_SHARED, VM_WRITE, type Vma } from './vma.js'

/*
 * Mappings of huge pages that were reserved (hugetlb): a fault, a copy, a change is always of a whole
 * huge page. Page tables have an entry for each small page of it, all alike, so that what only looks
 * needs not care; what changes them goes through here.
 */

export function isHugetlb(vma: Vma): boolean {
  return (vma.flags & VM_HUGETLB) !== 0
}

/** The file behind a huge mapping. */
export function hugetlbFile(vma: Vma): HugetlbFile {
  return vma.file as HugetlbFile
}

/** First page of the huge page that `page` is in. */
export function hugetlbBlock(vma: Vma, page: number): number {
  return page - ((page - vma.start) % hugetlbFile(vma).pool.pages)
}

/** EINVAL unless `page` is where a huge page of `vma` begins (`hugetlb_vm_op_split`). */
export function checkHugetlbEdge(vma: Vma, page: number): void {
  if (!isHugetlb(vma) || page % hugetlbFile(vma).pool.pages === 0) return
  throw new HmmError('EINVAL', {
    message: 'the range ends inside a huge page',
    hint: `Huge pages of this mapping have ${hugetlbFile(vma).pool.pages} pages: use whole ones.`,
    retryable: false,
  })
}

/**
 * Shared huge mappings may share page tables too, so events are widened to what one table covers
 * (`adjust_range_if_pmd_sharing_possible`).
 */
export function widenHugetlb(vma: Vma, start: number, end: number): [number, number] {
  const span = vma.mm.tables.pudPages
  const first = Math.ceil(vma.start / span) * span
  const last = Math.floor(vma.end / span) * span
  if (!vma.shared || last <= first || end <= first || start >= last) return [start, end]
  return [
    start > first ? Math.floor(start / span) * span : start,
    end < last ? Math.ceil(end / span) * span : end,
  ]
}

/** `__unmap_hugepage_range`: drops the huge pages of `[start, end)`. The caller raised the event. */
export function zapHugetlb(vma: Vma, start: number, end: number, keepMarkers = false): void {
  const { tables, machine } = vma.mm
  const { frames } = machine
  const { pool } = hugetlbFile(vma)
  for (let block = start; block < end; block += pool.pages) {
    if (tables.leaf(block) === 0) continue
    const pte = tables.get(block)
    const rest = keepMarkers && (pte & PTE_UFFD_WP) !== 0 ? PTE_MARKER | PTE_UFFD_WP : 0
    let dirty = 0
    for (let page = block; pte !== 0 && page < block + pool.pages; page++) {
      dirty |= tables.get(page) & PTE_DIRTY
      tables.set(page, rest)
    }
    if ((pte & PTE_PRESENT) === 0) continue
    const first = pte & PTE_FRAME
    if (dirty !== 0) frames.flags[first]! |= FRAME_DIRTY
    pool.map(first, -1)
    const index = vma.offsetOf(block) / pool.pages
    const last = (frames.flags[first]! & FRAME_ANON) !== 0 && frames.maps[first] === 0
    // The page goes back to what was promised to the mapping, so that a later touch cannot fail.
    if (last && vma.hugetlbReserve?.delete(index) === true) pool.reserved++
    pool.put(first)
  }
}

/** `hugetlb_vm_op_close`: what was promised to the mapping and never used is free again. */
export function closeHugetlb(vma: Vma): void {
  const used = vma.hugetlbReserve
  if (used === undefined) return
  const { pool } = hugetlbFile(vma)
  for (let page = vma.start; page < vma.end; page += pool.pages) {
    if (!used.has(vma.offsetOf(page) / pool.pages)) pool.reserved--
  }
  vma.hugetlbReserve = undefined
}

/**
 * `hugetlb_change_protection`. A PROTECTION_VMA event, whether there are page tables or not. `guard`:
 * userfaultfd write-protects the range, or takes that back.
 */
export function* protectHugetlb(
  vma: Vma,
  start: number,
  end: number,
  guard?: boolean,
): Operation<void> {
  const { mm } = vma
  yield* mm.invalidateStartInPasses('protection-vma', ...widenHugetlb(vma, start, end))
  // Private pages stay read-only until the next write: nobody looks whether a copy is needed.
  const writable = (vma.flags & (VM_SHARED | VM_WRITE)) === (VM_SHARED | VM_WRITE)
  for (let page = start; page < end; page++) {
    const pte = mm.tables.get(page)
    const guarded = guard === undefined ? pte & PTE_UFFD_WP : guard ? PTE_UFFD_WP : 0
    if ((pte & PTE_PRESENT) === 0) {
      if (guard !== undefined) mm.tables.set(page, guard ? PTE_MARKER | PTE_UFFD_WP : 0)
      continue
    }
    const right = guarded === 0 && writable ? PTE_WRITE : guarded
    mm.tables.set(page, (pte & ~(PTE_WRITE | PTE_PROTNONE | PTE_UFFD_WP)) | right)
  }
  mm.invalidateEnd()
}

/** `copy_hugetlb_page_range`: a CLEAR event of the parent for private memory. */
export function* forkHugetlb(
  parent: MemoryMap,
  child: MemoryMap,
  vma: Vma,
  copy: Vma,
): Operation<void> {
  if (vma.shared) return
  const { frames } = parent.machine
  const { pool } = hugetlbFile(vma)
  yield* parent.invalidateStartInPasses('clear', vma.start, vma.end)
  try {
    for (let block = vma.start; block < vma.end; block += pool.pages) {
      const pte = parent.tables.get(block)
      if ((pte & PTE_PRESENT) === 0) continue
      const first = pte & PTE_FRAME
      const own = (frames.flags[first]! & FRAME_EXCLUSIVE) !== 0
      if (own && isPinned(vma, first)) {
        copyPinned(child, copy, block, pte)
        continue
      }
      for (let i = 0; i < pool.pages; i++) {
        frames.flags[first + i]! &= ~FRAME_EXCLUSIVE
        const entry = parent.tables.get(block + i) & ~PTE_WRITE
        parent.tables.set(block + i, entry)
        child.tables.set(block + i, entry & ~PTE_UFFD_WP)
      }
      pool.get(first)
      pool.map(first, 1)
    }
  } finally {
    parent.invalidateEnd()
  }
}

/** A page that may be pinned stays the parent's own; the child gets its copy now, or no fork. */
function copyPinned(child: MemoryMap, vma: Vma, block: number, pte: number): void {
  const { frames } = child.machine
  const { pool } = hugetlbFile(vma)
  const old = pte & PTE_FRAME
  const first = pool.take(false)
  if (first === 0) {
    throw new HmmError('ENOMEM', { message: 'fork: no huge page for a pinned one' })
  }
  for (let i = 0; i < pool.pages; i++) {
    frames.copy(old + i, first + i)
    frames.flags[first + i]! |= FRAME_ANON | FRAME_EXCLUSIVE
    frames.mapping[first + i] = vma.anonVma!.id
    frames.index[first + i] = vma.anonOffsetOf(block) + i
    child.tables.set(block + i, ((pte & ~PTE_FRAME) | first) + i)
  }
  pool.map(first, 1)
}

function isPinned(vma: Vma, first: number): boolean {
  const { refs, maps } = vma.mm.machine.frames
  const { pages } = hugetlbFile(vma).pool
  for (let frame = first; frame < first + pages; frame++) {
    if (refs[frame]! > maps[frame]!) return true
  }
  return false
}

/** `move_hugetlb_page_tables`: a CLEAR event over the old range. */
export function* moveHugetlb(vma: Vma, from: number, to: number, length: number): Operation<void> {
  const { mm } = vma
  yield* mm.invalidateStartInPasses('clear', ...widenHugetlb(vma, from, from + length))
  for (let i = 0; i < length; i++) {
    const pte = mm.tables.get(from + i)
    if (pte === 0) continue
    mm.tables.set(to + i, (pte & PTE_PRESENT) === 0 ? 0 : pte & ~PTE_UFFD_WP)
    mm.tables.set(from + i, 0)
  }
  mm.invalidateEnd()
}

/** `hugetlb_vmdelete_list`: unmaps the file's `[first, end)` everywhere, private copies too. CLEAR */
export function* unmapHugetlbFile(file: HugetlbFile, first: number, end: number): Operation<void> {
  do {
    for (const { vma } of file.tree.overlaps(first, end - 1)) {
      const part = filePart(vma, first, end)
      if (part === undefined) continue
      yield* vma.mm.invalidateStartInPasses('clear', ...widenHugetlb(vma, ...part))
      // What went meanwhile may be somebody else's now.
      const left = filePart(vma, first, end, part)
      if (left !== undefined) zapHugetlb(vma, ...left)
      vma.mm.invalidateEnd()
    }
    // Who touched a page that another process still had brought it back (`hugetlb_unmap_file_folio`).
  } while (file.mapped(first, end))
}
