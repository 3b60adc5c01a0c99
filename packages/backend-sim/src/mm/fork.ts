import { HmmError } from '@hmm-sdk/hmm-api'
import { POINT_PAGE_TABLE } from '../sim/failure-point.js'
import type { Operation } from '../sim/operation.js'
import { forkAnon } from './anon-vma.js'
import { restoredPte } from './device-exclusive.js'
import { FRAME_EXCLUSIVE } from './frame-table.js'
import { blockPinned, splitHugeInPasses } from './huge.js'
import { forkHugetlb, isHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import {
  isUserfaultMarker,
  PTE_DEVICE_EXCLUSIVE,
  PTE_DIRTY,
  PTE_FRAME,
  PTE_KIND,
  PTE_DEVICE_PRIVATE,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_SWAP_EXCLUSIVE,
  PTE_UFFD_WP,
  PTE_WRITE,
} from './pte.js'
import { copyOf, insertVma } from './vma-operations.js'
import { VM_DONTFORK, VM_LOCKED, VM_MIXEDMAP, VM_PFNMAP, type Vma } from './vma.js'

/**
 * Fills `child`, which is empty, with a copy-on-write copy of `parent` (`dup_mmap`). A
 * PROTECTION_PAGE event of the parent for each mapping with anonymous pages or guards; shared mappings
 * and untouched ones are left to faults of the child, without an event, unless they have guards.
 */
export function* forkInto(parent: MemoryMap, child: MemoryMap): Operation<void> {
  yield* parent.lock.write()
  try {
    child.hasUprobes = parent.hasUprobes
    for (const vma of [...parent.vmas]) {
      if ((vma.flags & VM_DONTFORK) !== 0) continue
      const copy = copyOf(vma, child)
      copy.flags &= ~VM_LOCKED
      insertVma(copy, vma)
      const copied = vma.maybeGuarded || (vma.flags & (VM_MIXEDMAP | VM_PFNMAP)) !== 0
      if (vma.anonVma !== undefined) forkAnon(copy, vma)
      else if (!copied) continue
      if (isHugetlb(vma)) {
        yield* forkHugetlb(parent, child, vma, copy)
        continue
      }
      if (!vma.shared) {
        // Nobody loses a right to shared pages.
        yield* parent.invalidateStartInPasses('protection-page', vma.start, vma.end)
      }
      try {
        yield* copyPageRange(parent, child, vma, copy)
      } finally {
        if (!vma.shared) parent.invalidateEnd()
      }
    }
  } finally {
    parent.lock.releaseWrite()
  }
}

/** `copy_page_range`. */
function* copyPageRange(parent: MemoryMap, child: MemoryMap, vma: Vma, copy: Vma): Operation<void> {
  const { tables, machine } = parent
  const { scheduler } = machine
  // The child gets the tables even where they turn out to be empty.
  for (let page = vma.start; (page = tables.nextPud(page, vma.end)) < vma.end;) {
    child.tables.ensurePud(page)
    page += tables.pudPages - (page % tables.pudPages)
  }
  for (
    let page = tables.nextLeaf(vma.start, vma.end);
    page < vma.end;
    page = tables.nextLeaf(page, vma.end)
  ) {
    if (scheduler.stopsAt('page-table', parent)) yield scheduler.stop
    const stop = Math.min(page - (page & tables.mask) + tables.mask + 1, vma.end)
    // A fault of the child finds a file's block again.
    if (tables.isHuge(page) && !vma.anonymous) {
      page = stop
      continue
    }
    if (machine.failures.fails(POINT_PAGE_TABLE)) {
      throw new HmmError('ENOMEM', { message: 'fork: no memory for a page table' })
    }
    child.tables.ensureLeaf(page)
    const block = page
    if (tables.isHuge(page) && blockPinned(parent, page)) yield* splitHugeInPasses(parent, page)
    const huge = tables.isHuge(page)
    for (; page < stop; page++) {
      const pte = tables.get(page)
      if (pte !== 0) copyEntry(parent, child, copy, page, pte)
      // Nobody serves the child's faults.
      if ((pte & PTE_UFFD_WP) !== 0) unguard(child, page)
    }
    if (huge) child.tables.setHuge(block, true)
  }
}

function copyEntry(
  parent: MemoryMap,
  child: MemoryMap,
  vma: Vma,
  page: number,
  entry: number,
): void {
  const { frames, swap } = parent.machine
  let pte = entry
  if ((pte & PTE_PRESENT) === 0) {
    const kind = pte & PTE_KIND
    if (kind === PTE_SWAP) {
      swap.get(pte & PTE_FRAME)
      const shared = pte & ~PTE_SWAP_EXCLUSIVE
      parent.tables.set(page, shared)
      child.tables.set(page, shared)
      return
    }
    if (kind === PTE_DEVICE_EXCLUSIVE) pte = restoredPte(vma, pte)
    else if (kind !== PTE_DEVICE_PRIVATE) {
      if (kind === PTE_MIGRATION) frames.flags[pte & PTE_FRAME]! &= ~FRAME_EXCLUSIVE
      parent.tables.set(page, pte & ~PTE_WRITE)
      child.tables.set(page, pte & ~PTE_WRITE)
      return
    }
  }
  const frame = pte & PTE_FRAME
  const special = (pte & (PTE_PRESENT | PTE_SPECIAL)) === (PTE_PRESENT | PTE_SPECIAL | 0)
  if (special) {
    child.tables.set(page, pte)
    return
  }
  const pinned = (pte & PTE_PRESENT) !== 0 && frames.refs[frame]! > frames.maps[frame]!
  if (pinned && (frames.flags[frame]! & FRAME_EXCLUSIVE) !== 0) {
    copyNow(parent, child, vma, page, pte)
    return
  }
  frames.flags[frame]! &= ~FRAME_EXCLUSIVE
  frames.get(frame)
  frames.maps[frame]!++
  if (vma.shared) {
    child.tables.set(page, pte & ~PTE_DIRTY)
    return
  }
  parent.tables.set(page, pte & ~PTE_WRITE)
  child.tables.set(page, pte & ~PTE_WRITE)
}

function unguard(mm: MemoryMap, page: number): void {
  const pte = mm.tables.get(page)
  mm.tables.set(page, isUserfaultMarker(pte) ? 0 : pte & ~PTE_UFFD_WP)
}

/** A page that may be pinned for DMA stays the parent's own; the child gets its copy now. */
function copyNow(parent: MemoryMap, child: MemoryMap, vma: Vma, page: number, pte: number): void {
  const { frames } = parent.machine
  const old = pte & PTE_FRAME
  const frame = frames.allocate(frames.flags[old]!)
  if (frame === 0) throw new HmmError('ENOMEM', { message: 'fork: no memory for a pinned page' })
  frames.copy(old, frame)
  frames.maps[frame] = 1
  frames.mapping[frame] = vma.anonVma!.id
  frames.index[frame] = vma.anonOffsetOf(page)
  child.tables.set(page, (pte & ~PTE_FRAME) | frame)
}
