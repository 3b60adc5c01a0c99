import { anonPrepare } from './anon-prepare.js'
import { POINT_PAGE_TABLE } from '../sim/failure-point.js'
import { canBeWritable } from './can-be-writable.js'
import { daxCopySource, daxFault, daxHugeFault } from './dax-fault.js'
import { DaxFile } from './dax-file.js'
import { doSwapPage } from './do-swap-page.js'
import { doWpPage } from './do-wp-page.js'
import { FAULT_DONE, FAULT_EVENT, FAULT_OOM, FAULT_SIGBUS, FAULT_USERFAULT } from './fault-code.js'
import { hugeFault, hugeNumaFault, mayBeHuge, splitHuge } from './huge.js'
import { hugetlbFault } from './hugetlb-fault.js'
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  FRAME_HWPOISON,
  ZERO_FRAME,
} from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import {
  isUserfaultMarker,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_WRITTEN,
  PTE_YOUNG,
} from './pte.js'
import { servesWrites } from './userfaultfd.js'
import {
  VM_HUGETLB,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  VM_WRITE,
  type Vma,
} from './vma.js'

/**
 * One page fault (`handle_mm_fault`) at `page` of `vma`, whose rights were checked. A `FAULT_*`
 * code. Raises the CLEAR event of a copy; the caller holds mmap_lock.
 */
export function handleMmFault(mm: MemoryMap, vma: Vma, page: number, write: boolean): number {
  if ((vma.flags & VM_HUGETLB) !== 0) return hugetlbFault(mm, vma, page, write)
  if (mm.tables.leaf(page) === 0 && mayBeHuge(mm, vma, page, false)) {
    if ((vma.flags & VM_UFFD_MISSING) !== 0) return FAULT_USERFAULT
    if (mm.unstable) return FAULT_SIGBUS
    if (hugeFault(mm, vma, page, write)) return FAULT_DONE
  }
  if (mm.tables.leaf(page) === 0 && vma.file instanceof DaxFile) {
    if (daxHugeFault(mm, vma, vma.file, page, write)) return FAULT_DONE
  }
  if (mm.tables.leaf(page) === 0 && mm.machine.failures.fails(POINT_PAGE_TABLE)) return FAULT_OOM
  if (
    vma.file !== undefined &&
    vma.offsetOf(page) >= vma.file.pages &&
    mm.tables.leaf(page) === 0
  ) {
    return beyondEnd(mm, vma, page, write)
  }
  const leaf = mm.tables.ensureLeaf(page)
  const words = mm.tables.arena.words
  const at = leaf + (page & mm.tables.mask)
  let pte = words[at]!
  if (isUserfaultMarker(pte) && (vma.flags & VM_UFFD_WP) === 0) {
    // Left over from who watches no more (`pte_marker_clear`).
    words[at] = 0
    return FAULT_DONE
  }
  if (pte === 0 || isUserfaultMarker(pte)) {
    return vma.file === undefined
      ? doAnonymousPage(mm, vma, page, at, write)
      : doFilePage(mm, vma, page, at, write)
  }
  if ((pte & PTE_PRESENT) === 0) return doSwapPage(mm, vma, page, at, pte, write)
  if ((pte & PTE_PROTNONE) !== 0) return doNumaPage(mm, vma, page, at, pte)
  if (write && (pte & PTE_WRITE) === 0 && (pte & PTE_UFFD_WP) !== 0) {
    if (servesWrites(vma)) return FAULT_USERFAULT
    if ((vma.flags & VM_UFFD_WP) !== 0 && mm.tables.isHuge(page)) {
      // What was written is noted by small pages (`wp_huge_pmd`).
      if (mm.machine.scheduler.explorer !== undefined) return FAULT_EVENT
      splitHuge(mm, page)
      return handleMmFault(mm, vma, page, true)
    }
    pte &= ~PTE_UFFD_WP
    words[at] = pte
  }
  if (write && (pte & PTE_WRITE) === 0) {
    const shared = vma.file instanceof DaxFile ? daxWpPage(mm, vma, vma.file, page) : undefined
    return shared ?? doWpPage(mm, vma, page, pte)
  }
  // Nothing left to do because somebody else was faster.
  words[at] = pte | PTE_YOUNG | (write ? PTE_WRITTEN : 0)
  return FAULT_DONE
}

/**
 * A write to a present page of persistent memory (`wp_huge_pmd`, `page_mkwrite`, `pfn_mkwrite`): undefined for
 * one that is to be copied.
 */
function daxWpPage(mm: MemoryMap, vma: Vma, file: DaxFile, page: number): number | undefined {
  if (!mm.tables.isHuge(page)) {
    return vma.shared ? daxFault(mm, vma, file, page, true) : undefined
  }
  if (vma.shared && daxHugeFault(mm, vma, file, page, true)) return FAULT_DONE
  if (mm.machine.scheduler.explorer !== undefined) return FAULT_EVENT
  splitHuge(mm, page)
  return handleMmFault(mm, vma, page, true)
}

/** `do_numa_page`: the page is where it should be, and gets its rights back. No event. */
function doNumaPage(mm: MemoryMap, vma: Vma, page: number, at: number, pte: number): number {
  if (mm.tables.isHuge(page)) return hugeNumaFault(mm, vma, page)
  const write = canBeWritable(mm, vma, pte) ? PTE_WRITE : 0
  mm.tables.arena.words[at] = (pte & ~PTE_PROTNONE) | PTE_YOUNG | write
  return FAULT_DONE
}

/** `do_anonymous_page`: the zero page for a read, a new page for a write. No event. */
function doAnonymousPage(
  mm: MemoryMap,
  vma: Vma,
  page: number,
  at: number,
  write: boolean,
): number {
  const words = mm.tables.arena.words
  // What the OOM reaper took would read as zeros.
  if (mm.unstable) return FAULT_SIGBUS
  if ((vma.flags & VM_UFFD_MISSING) !== 0) return FAULT_USERFAULT
  const guarded = words[at]! & PTE_UFFD_WP
  if (!write) {
    words[at] = PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG | guarded | ZERO_FRAME
    return FAULT_DONE
  }
  const frames = mm.machine.frames
  const frame = frames.allocate(FRAME_ANON | FRAME_EXCLUSIVE)
  if (frame === 0) return FAULT_OOM
  if (vma.anonVma === undefined) anonPrepare(vma)
  frames.maps[frame] = 1
  frames.mapping[frame] = vma.anonVma!.id
  frames.index[frame] = vma.anonOffsetOf(page)
  const right = guarded === 0 ? PTE_WRITE : guarded
  words[at] = PTE_PRESENT | right | PTE_WRITTEN | PTE_YOUNG | frame
  return FAULT_DONE
}

/** No page of the file: the last level of the page tables would have been made after it. */
function beyondEnd(mm: MemoryMap, vma: Vma, page: number, write: boolean): number {
  if (write && !vma.shared) anonPrepare(vma)
  mm.tables.ensurePud(page)
  return FAULT_SIGBUS
}

/** `do_read_fault`, `do_cow_fault`, `do_shared_fault`. No event. */
function doFilePage(mm: MemoryMap, vma: Vma, page: number, at: number, write: boolean): number {
  // Before anything can fail (`do_cow_fault`).
  if (write && !vma.shared) anonPrepare(vma)
  const file = vma.file!
  const offset = vma.offsetOf(page)
  // The driver has no fault handler: what is missing stays so.
  if ((vma.flags & (VM_MIXEDMAP | VM_PFNMAP)) !== 0) return FAULT_SIGBUS
  if (offset >= file.pages) return FAULT_SIGBUS
  if ((vma.flags & VM_UFFD_MISSING) !== 0 && file.find(offset) === 0) return FAULT_USERFAULT
  const dax = file instanceof DaxFile
  const shared = (vma.flags & VM_SHARED) !== 0
  if (dax && (shared || !write)) return daxFault(mm, vma, file, page, write)
  const guarded = mm.tables.arena.words[at]! & PTE_UFFD_WP
  const cached = dax ? daxCopySource(file, offset) : file.findOrCreate(offset)
  if (cached === 0 && !dax) return FAULT_OOM
  const frames = mm.machine.frames
  if ((frames.flags[cached]! & FRAME_HWPOISON) !== 0 || (mm.unstable && !shared)) {
    return FAULT_SIGBUS
  }
  if (write && !shared) {
    const frame = frames.allocate(FRAME_ANON | FRAME_EXCLUSIVE)
    if (frame === 0) return FAULT_OOM
    if (cached !== 0) frames.copy(cached, frame)
    frames.maps[frame] = 1
    frames.mapping[frame] = vma.anonVma!.id
    frames.index[frame] = vma.anonOffsetOf(page)
    const right = guarded === 0 ? PTE_WRITE : guarded
    mm.tables.arena.words[at] = PTE_PRESENT | right | PTE_WRITTEN | PTE_YOUNG | frame
    return FAULT_DONE
  }
  frames.get(cached)
  frames.maps[cached]!++
  if (write) frames.flags[cached]! |= FRAME_DIRTY
  // A file in memory has no writeback: its shared mappings are writable from the first read on.
  const watches = (vma.flags & VM_UFFD_WP) !== 0 || !vma.softDirty || file.writesBack
  const watched = watches && !write
  const writable = shared && (vma.flags & VM_WRITE) !== 0 && !watched ? PTE_WRITE : 0
  const right = guarded === 0 ? writable : guarded
  mm.tables.arena.words[at] = PTE_PRESENT | PTE_YOUNG | right | (write ? PTE_WRITTEN : 0) | cached
  return FAULT_DONE
}
