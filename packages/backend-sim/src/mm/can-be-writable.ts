import { FRAME_ANON, FRAME_EXCLUSIVE, FRAME_KSM } from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_DIRTY, PTE_FRAME, PTE_SOFT_DIRTY, PTE_SPECIAL, PTE_UFFD_WP } from './pte.js'
import { VM_SHARED, VM_UFFD_WP, VM_WRITE, type Vma } from './vma.js'

/**
 * Whether a present entry may be writable at once because a write fault would do nothing but that
 * (`can_change_pte_writable`).
 */
export function canBeWritable(mm: MemoryMap, vma: Vma, pte: number): boolean {
  if ((vma.flags & VM_WRITE) === 0) return false
  if ((pte & PTE_UFFD_WP) !== 0 && (vma.flags & VM_UFFD_WP) !== 0) return false
  // Somebody watches for the next write of it (`pte_needs_soft_dirty_wp`).
  if (!vma.softDirty && (pte & PTE_SOFT_DIRTY) === 0) return false
  // Where writes are watched (userfaultfd, writeback), a clean page waits for one (`vma_wants_writenotify`).
  if ((vma.flags & VM_SHARED) !== 0) {
    const watched = (vma.flags & VM_UFFD_WP) !== 0 || vma.file?.writesBack === true
    return !watched || (pte & PTE_DIRTY) !== 0
  }
  if ((pte & PTE_SPECIAL) !== 0) return false
  const flags = mm.machine.frames.flags[pte & PTE_FRAME]!
  return (flags & (FRAME_ANON | FRAME_EXCLUSIVE | FRAME_KSM)) === (FRAME_ANON | FRAME_EXCLUSIVE)
}
