import type { Operation } from '../sim/operation.js'
import { FAULT_DONE, FAULT_OOM, FAULT_SIGBUS, FAULT_USERFAULT } from './fault-code.js'
import { fillAnonymous } from './fill-anonymous.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_PRESENT, PTE_WRITE } from './pte.js'
import { resolveFault } from './resolve-fault.js'
import { waitUserfault } from './userfaultfd.js'
import { VM_ACCESS, VM_SHARED, VM_WRITE } from './vma.js'

/**
 * Faults `[start, end)` in, for writing where that is private and allowed (`populate_vma_page_range`).
 * Ends at the first page that cannot be had, with the code of its fault; FAULT_DONE otherwise. Who holds
 * mmap_lock for reading may let it wait for a userfaultfd.
 */
export function* populate(
  mm: MemoryMap,
  start: number,
  end: number,
  mayWait = false,
): Operation<number> {
  let page = start
  while (page < end) {
    const vma = mm.vmas.find(page)
    if (vma === undefined || (vma.flags & VM_ACCESS) === 0) return FAULT_SIGBUS
    const write = (vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE
    if (write) {
      // Most of it is memory that nobody has touched yet.
      const filled = fillAnonymous(mm, vma, page, Math.min(end, vma.end))
      if (filled < 0) return FAULT_OOM
      if (filled > page) {
        page = filled
        continue
      }
    }
    const pte = mm.tables.get(page)
    if ((pte & PTE_PRESENT) !== 0 && (!write || (pte & PTE_WRITE) !== 0)) {
      page++
      continue
    }
    const code = yield* resolveFault(mm, vma, page, write)
    if (code === FAULT_USERFAULT && mayWait) yield* waitUserfault(mm, vma, page, write)
    else if (code !== FAULT_DONE) return code
  }
  return FAULT_DONE
}
