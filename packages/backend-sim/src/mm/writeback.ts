import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import type { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import { filePart } from './file-part.js'
import { DaxFile, type DaxEntry } from './dax-file.js'
import { FRAME_DAX, FRAME_DIRTY, FRAME_FILE } from './frame-table.js'
import { PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import { pteMaps } from './rmap.js'
import { forEachEntry } from './walk.js'

/**
 * Writeback of the file pages that `[start, end)` maps: every shared mapping of each becomes clean
 * and read-only (`page_mkclean`), with a PROTECTION_PAGE event; the next write faults.
 */
export function* writeback(mm: MemoryMap, start: number, end: number): Operation<number> {
  const { machine } = mm
  const { frames } = machine
  const found = new Set<number>()
  forEachEntry(mm, start, end, (_at, pte) => {
    if ((pte & PTE_PRESENT) === 0 || (pte & PTE_SPECIAL) !== 0) return
    const frame = pte & PTE_FRAME
    if ((frames.flags[frame]! & (FRAME_FILE | FRAME_DAX)) === FRAME_FILE) found.add(frame)
  })
  for (const frame of found) frames.get(frame)
  for (const frame of found) {
    yield* clean(machine, frame)
    frames.put(frame)
  }
  return found.size
}

/**
 * `fsync`: nothing for a file in memory; of one on a disk the pages that were written, in whatever way; of
 * one in persistent memory what was written through mappings.
 */
export function* syncFile(machine: Machine, file: MemoryFile): Operation<void> {
  if (!file.writesBack) return
  if (!(file instanceof DaxFile)) {
    const { flags } = machine.frames
    const dirty = [...file.cached()].filter((frame) => (flags[frame]! & FRAME_DIRTY) !== 0)
    for (const frame of dirty) machine.frames.get(frame)
    for (const frame of dirty) {
      if (machine.scheduler.stopsAt('page-table')) yield machine.scheduler.stop
      yield* clean(machine, frame)
      machine.frames.put(frame)
    }
    return
  }
  for (const entry of [...file.entries.values()]) {
    if (!entry.dirty) continue
    if (machine.scheduler.stopsAt('page-table')) yield machine.scheduler.stop
    yield* cleanEntry(file, entry)
    entry.dirty = false
  }
}

/** `dax_writeback_one`: a block as a whole, however it is mapped. */
function* cleanEntry(file: DaxFile, { first, pages }: DaxEntry): Operation<void> {
  for (const { vma } of file.tree.overlaps(first, first + pages - 1)) {
    const { mm } = vma
    const part = vma.shared ? filePart(vma, first, first + pages) : undefined
    if (part === undefined) continue
    yield* mm.invalidateStartInPasses('protection-page', ...part)
    // What went meanwhile may be somebody else's now.
    const left = filePart(vma, first, first + pages, part)
    if (left !== undefined) {
      forEachEntry(mm, ...left, (at, pte) => {
        if ((pte & PTE_PRESENT) !== 0) mm.tables.arena.words[at] = pte & ~(PTE_WRITE | PTE_DIRTY)
      })
    }
    mm.invalidateEnd()
  }
}

/**
 * Every shared mapping of the page becomes clean and read-only. Those that have it not in their page tables
 * are told too (`page_vma_mkclean_one`), if anybody has (`folio_mapped`).
 */
function* clean(machine: Machine, frame: number): Operation<void> {
  const { frames, reverseMap } = machine
  const mapped = frames.maps[frame]! > 0
  for (const [vma, page] of reverseMap.places(frames.mapping[frame]!, frames.index[frame]!)) {
    const { mm } = vma
    if (!vma.shared || !mapped) continue
    yield* mm.invalidateStartInPasses('protection-page', page, page + 1)
    const pte = mm.tables.get(page)
    if (pteMaps(pte, frame)) mm.tables.set(page, pte & ~(PTE_WRITE | PTE_DIRTY))
    mm.invalidateEnd()
  }
  frames.flags[frame]! &= ~FRAME_DIRTY
}
