import { FRAME_ANON } from './frame-table.js'
import { filePart } from './file-part.js'
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
    const part = filePart(vma, first, end)
    if (part === undefined) continue
    mm.invalidateStart('clear', ...part)
    zapAtOnce(mm, ...part, (frame) => (flags[frame]! & FRAME_ANON) !== 0)
    mm.invalidateEnd()
  }
}
