import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import type { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import { DaxFile, type DaxEntry } from './dax-file.js'
import { FRAME_DAX, FRAME_DIRTY, FRAME_FILE } from './frame-table.js'
import { PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import { pteMaps } from './rmap.js'
import { forEachEntry } from './walk.js'

/**
 * Writeback of the file pages that `[start, end)` maps: every shared mapping of each becomes clean
 * and read-only (`page_mkclean`), with a PROTECTION_PAGE event; the next write faults.
 */
export function writeback(mm: MemoryMap, start: number, end: number): number {
  const { machine } = mm
  const { frames } = machine
  const found = new Set<number>()
  forEachEntry(mm, start, end, (_at, pte) => {
    if ((pte & PTE_PRESENT) === 0 || (pte & PTE_SPECIAL) !== 0) return
    const frame = pte & PTE_FRAME
    if ((frames.flags[frame]! & (FRAME_FILE | FRAME_DAX)) === FRAME_FILE) found.add(frame)
  })
  for (const frame of found) clean(machine, frame)
  return found.size
}

/**
 * `fsync`: nothing for a file in memory; of one on a disk the pages that were written, in whatever way; of
 * one in persistent memory what was written through mappings.
 */
export function* syncFile(machine: Machine, file: MemoryFile): Operation<void> {
  if (!file.writesBack) return
  if (!(file instanceof DaxFile)) {
    for (const frame of [...file.cached()]) {
      if ((machine.frames.flags[frame]! & FRAME_DIRTY) === 0) continue
      if (machine.scheduler.explorer !== undefined) yield machine.scheduler.point('page-table')
      clean(machine, frame)
    }
    return
  }
  for (const entry of [...file.entries.values()]) {
    if (!entry.dirty) continue
    if (machine.scheduler.explorer !== undefined) yield machine.scheduler.point('page-table')
    cleanEntry(file, entry)
    entry.dirty = false
  }
}

/** `dax_writeback_one`: a block as a whole, however it is mapped. */
function cleanEntry(file: DaxFile, { first, pages }: DaxEntry): void {
  for (const { vma } of [...file.tree.overlaps(first, first + pages - 1)]) {
    if (!vma.shared) continue
    const { mm } = vma
    const start = vma.start + Math.max(0, first - vma.pgoff)
    const end = vma.start + Math.min(vma.end - vma.start, first + pages - vma.pgoff)
    mm.invalidateStart('protection-page', start, end)
    forEachEntry(mm, start, end, (at, pte) => {
      if ((pte & PTE_PRESENT) !== 0) mm.tables.arena.words[at] = pte & ~(PTE_WRITE | PTE_DIRTY)
    })
    mm.invalidateEnd()
  }
}

/**
 * Every shared mapping of the page becomes clean and read-only. Those that have it not in their page tables
 * are told too (`page_vma_mkclean_one`), if anybody has (`folio_mapped`).
 */
function clean(machine: Machine, frame: number): void {
  const { frames, reverseMap } = machine
  const mapped = frames.maps[frame]! > 0
  reverseMap.walk(frames.mapping[frame]!, frames.index[frame]!, (vma, page) => {
    if (!vma.shared || !mapped) return
    vma.mm.invalidateStart('protection-page', page, page + 1)
    const pte = vma.mm.tables.get(page)
    if (pteMaps(pte, frame)) vma.mm.tables.set(page, pte & ~(PTE_WRITE | PTE_DIRTY))
    vma.mm.invalidateEnd()
  })
  frames.flags[frame]! &= ~FRAME_DIRTY
}
