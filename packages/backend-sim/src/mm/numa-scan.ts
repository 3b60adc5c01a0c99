import type { Operation } from '../sim/operation.js'
import { FRAME_DAX, FRAME_DEVICE, FRAME_DIRTY, FRAME_FILE, FRAME_KSM } from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import { changeProtection } from './mprotect.js'
import { PTE_FRAME, PTE_PRESENT, PTE_PROTNONE, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import {
  VM_ACCESS,
  VM_HUGETLB,
  VM_IO,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vma,
} from './vma.js'

/**
 * What the NUMA balancing scan does to `[start, end)`, or to all (`change_prot_numa`): accessible pages lose
 * their rights, so that the next touch faults and tells who uses them. PROTECTION_VMA events as for
 * mprotect, whether a page changes or not.
 */
export function* numaScan(mm: MemoryMap, start = 0, end = Infinity): Operation<number> {
  let hinted = 0
  yield* mm.lock.read()
  try {
    for (const vma of mm.vmas.overlapping(start, end)) {
      if (!scanned(vma)) continue
      const from = Math.max(start, vma.start)
      yield* changeProtection(mm, from, Math.min(end, vma.end), (at) => {
        const words = mm.tables.arena.words
        const pte = words[at]!
        if (!hintable(mm, vma, pte)) return
        words[at] = (pte & ~PTE_WRITE) | PTE_PROTNONE
        hinted++
      })
    }
    return hinted
  } finally {
    mm.lock.releaseRead()
  }
}

/** `task_numa_work` leaves alone what cannot move, what nobody can touch, and read-only files. */
function scanned(vma: Vma): boolean {
  const others = VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB
  if ((vma.flags & others) !== 0 || vma.file?.dax === true) return false
  if ((vma.flags & VM_ACCESS) === 0) return false
  const { file } = vma
  if (file !== undefined && !file.writesBack && !vma.mm.machine.kernel.scansSharedMemory)
    return false
  return file === undefined || (vma.flags & (VM_READ | VM_WRITE)) !== VM_READ
}

/** `folio_can_map_prot_numa`: pages that are shared by copy-on-write, merged or of a device stay. */
function hintable(mm: MemoryMap, vma: Vma, pte: number): boolean {
  if ((pte & PTE_PRESENT) === 0 || (pte & (PTE_PROTNONE | PTE_SPECIAL)) !== 0) return false
  const { frames } = mm.machine
  const frame = pte & PTE_FRAME
  if ((frames.flags[frame]! & (FRAME_DAX | FRAME_DEVICE | FRAME_KSM)) !== 0) return false
  // Dirty pages of a disk cannot all be moved.
  const dirty = (frames.flags[frame]! & (FRAME_FILE | FRAME_DIRTY)) === (FRAME_FILE | FRAME_DIRTY)
  if (dirty && vma.file?.writesBack === true) return false
  return (vma.flags & VM_SHARED) !== 0 || frames.maps[frame] === 1
}
