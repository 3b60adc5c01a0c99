import type { Operation } from '../sim/operation.js'
import { FAULT_DONE } from './fault-code.js'
import { fillAnonymous } from './fill-anonymous.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_PRESENT, PTE_WRITE } from './pte.js'
import { resolveFault } from './resolve-fault.js'
import { VM_ACCESS, VM_SHARED, VM_WRITE } from './vma.js'

/**
 * Faults `[start, end)` in, for writing where that is private and allowed (`populate_vma_page_range`).
 * Ends silently at the first page that cannot be had, as MAP_POPULATE does.
 */
export function* populate(mm: MemoryMap, start: number, end: number): Operation<void> {
  let page = start
  while (page < end) {
    const vma = mm.vmas.find(page)
    if (vma === undefined || (vma.flags & VM_ACCESS) === 0) return
    const write = (vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE
    if (write) {
      // Most of it is memory that nobody has touched yet.
      const filled = fillAnonymous(mm, vma, page, Math.min(end, vma.end))
      if (filled < 0) return
      if (filled > page) {
        page = filled
        continue
      }
    }
    const pte = mm.tables.get(page)
    if ((pte & PTE_PRESENT) !== 0 && (!write || (pte & PTE_WRITE) !== 0)) page++
    else if ((yield* resolveFault(mm, vma, page, write)) !== FAULT_DONE) return
  }
}
