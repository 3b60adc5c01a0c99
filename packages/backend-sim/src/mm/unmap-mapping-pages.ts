import { FRAME_ANON } from './frame-table.js'
import type { MemoryFile } from './memory-file.js'
import { zapAtOnce } from './zap.js'

/**
 * `unmap_mapping_pages` inside a fault or a write: the file's pages `[first, end)` are not mapped any
 * more, with a CLEAR event for each mapping of them. Private copies stay.
 */
export function unmapMappingPages(file: MemoryFile, first: number, end: number): void {
  for (const { vma } of [...file.tree.overlaps(first, end - 1)]) {
    const { mm } = vma
    const { flags } = mm.machine.frames
    const from = vma.start + Math.max(0, first - vma.pgoff)
    const to = vma.start + Math.min(vma.end - vma.start, end - vma.pgoff)
    if (from >= to) continue
    mm.invalidateStart('clear', from, to)
    zapAtOnce(mm, from, to, (frame) => (flags[frame]! & FRAME_ANON) !== 0)
    mm.invalidateEnd()
  }
}
