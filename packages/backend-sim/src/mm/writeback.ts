import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import type { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import { FRAME_DIRTY, FRAME_FILE } from './frame-table.js'
import { PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import { pteMaps, walkMappings } from './rmap.js'
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
    if ((frames.flags[frame]! & FRAME_FILE) !== 0) found.add(frame)
  })
  for (const frame of found) clean(machine, frame)
  return found.size
}

/** `fsync`: nothing for a file in memory; of one in persistent memory each page that was written. */
export function* syncFile(machine: Machine, file: MemoryFile): Operation<void> {
  if (!file.dax) return
  for (const frame of [...file.cached()]) {
    let written = (machine.frames.flags[frame]! & FRAME_DIRTY) !== 0
    walkMappings(machine, frame, (vma, _page, pte) => {
      if (vma.shared && (pte & PTE_DIRTY) !== 0) written = true
    })
    if (!written) continue
    if (machine.scheduler.explorer !== undefined) yield machine.scheduler.point('page-table')
    clean(machine, frame)
  }
}

/** Every shared mapping of the page becomes clean and read-only. */
function clean(machine: Machine, frame: number): void {
  const { frames, reverseMap } = machine
  reverseMap.walk(frames.mapping[frame]!, frames.index[frame]!, (vma, page) => {
    if (!vma.shared || !pteMaps(vma.mm.tables.get(page), frame)) return
    vma.mm.invalidateStart('protection-page', page, page + 1)
    const pte = vma.mm.tables.get(page)
    vma.mm.tables.set(page, pte & ~(PTE_WRITE | PTE_DIRTY))
    vma.mm.invalidateEnd()
  })
  frames.flags[frame]! &= ~FRAME_DIRTY
}
