import type { MemoryMap } from './memory-map.js'
import { FRAME_DIRTY, FRAME_FILE } from './frame-table.js'
import { PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import { pteMaps } from './rmap.js'
import { forEachEntry } from './walk.js'

/**
 * Writeback of the file pages that `[start, end)` maps: every shared mapping of each becomes clean
 * and read-only (`page_mkclean`), with a PROTECTION_PAGE event; the next write faults.
 */
export function writeback(mm: MemoryMap, start: number, end: number): number {
  const { machine } = mm
  const { frames, reverseMap } = machine
  const found = new Set<number>()
  forEachEntry(mm, start, end, (_at, pte) => {
    if ((pte & PTE_PRESENT) === 0 || (pte & PTE_SPECIAL) !== 0) return
    const frame = pte & PTE_FRAME
    if ((frames.flags[frame]! & FRAME_FILE) !== 0) found.add(frame)
  })
  for (const frame of found) {
    reverseMap.walk(frames.mapping[frame]!, frames.index[frame]!, (vma, page) => {
      if (!vma.shared || !pteMaps(vma.mm.tables.get(page), frame)) return
      vma.mm.invalidateStart('protection-page', page, page + 1)
      const pte = vma.mm.tables.get(page)
      vma.mm.tables.set(page, pte & ~(PTE_WRITE | PTE_DIRTY))
      vma.mm.invalidateEnd()
    })
    frames.flags[frame]! &= ~FRAME_DIRTY
  }
  return found.size
}
