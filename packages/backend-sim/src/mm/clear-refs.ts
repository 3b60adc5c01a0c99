import type { Operation } from '../sim/operation.js'
import type { MemoryMap } from './memory-map.js'
import { FRAME_ANON, FRAME_EXCLUSIVE } from './frame-table.js'
import { PTE_FRAME, PTE_PRESENT, PTE_SOFT_DIRTY, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import { VM_HUGETLB, VM_PFNMAP } from './vma.js'
import { forEachEntry } from './walk.js'

/**
 * `echo 4 > /proc/pid/clear_refs`: one SOFT_DIRTY event over everything, and every page becomes
 * read-only, so that the next write to it is noticed. Pages that may be pinned stay as they are.
 */
export function* clearRefs(mm: MemoryMap): Operation<void> {
  yield* mm.lock.write()
  try {
    const { frames, scheduler } = mm.machine
    for (const vma of mm.vmas) vma.softDirty = false
    yield* mm.invalidateStartInPasses('soft-dirty', 0, 2 ** 52)
    if (scheduler.stopsAt('notifier-start', mm)) yield scheduler.stop
    for (const vma of mm.vmas) {
      if ((vma.flags & (VM_PFNMAP | VM_HUGETLB)) !== 0) continue
      forEachEntry(mm, vma.start, vma.end, (at, pte, page) => {
        const words = mm.tables.arena.words
        if ((pte & PTE_PRESENT) === 0) {
          words[at] = pte & ~PTE_SOFT_DIRTY
          return
        }
        const frame = pte & PTE_FRAME
        const alone = FRAME_ANON | FRAME_EXCLUSIVE
        const pinned =
          (pte & PTE_SPECIAL) === 0 &&
          (frames.flags[frame]! & alone) === alone &&
          frames.refs[frame]! > frames.maps[frame]! &&
          !mm.tables.isHuge(page)
        if (!pinned) words[at] = pte & ~(PTE_WRITE | PTE_SOFT_DIRTY)
      })
    }
    mm.invalidateEnd()
  } finally {
    mm.lock.releaseWrite()
  }
}
