import type { Operation } from '../sim/operation.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_SOFT_DIRTY } from './pte.js'
import { VM_HUGETLB } from './vma.js'

/**
 * What `/proc/pid/pagemap` says of `[start, end)`: 1 for a page that was written since `clearRefs`, or
 * whose mapping is newer; 0 where nothing is mapped.
 */
export function* softDirty(mm: MemoryMap, start: number, end: number): Operation<Uint8Array> {
  const dirty = new Uint8Array(end - start)
  yield* mm.lock.read()
  try {
    for (const vma of mm.vmas.overlapping(start, end)) {
      const last = Math.min(end, vma.end)
      for (let page = Math.max(start, vma.start); page < last; page++) {
        const written =
          (vma.flags & VM_HUGETLB) === 0 && (mm.tables.get(page) & PTE_SOFT_DIRTY) !== 0
        if (vma.softDirty || written) dirty[page - start] = 1
      }
    }
  } finally {
    mm.lock.releaseRead()
  }
  return dirty
}
