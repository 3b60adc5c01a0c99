import type { MemoryMap } from './memory-map.js'

/** Calls `visit` for each page table entry of `[start, end)` that is not empty; `at` is its word. */
export function forEachEntry(
  mm: MemoryMap,
  start: number,
  end: number,
  visit: (at: number, pte: number, page: number) => void,
): void {
  const { tables } = mm
  for (let page = tables.nextLeaf(start, end); page < end; page = tables.nextLeaf(page, end)) {
    const stop = Math.min(page - (page & tables.mask) + tables.mask + 1, end)
    const base = tables.leaf(page)
    for (; page < stop; page++) {
      const at = base + (page & tables.mask)
      const pte = tables.arena.words[at]!
      if (pte !== 0) visit(at, pte, page)
    }
  }
}
