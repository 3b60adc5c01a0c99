import type { Operation } from '../sim/operation.js'
import { restoreExclusiveInPasses } from './device-exclusive.js'
import { copyPageInPasses } from './do-wp-page.js'
import { FAULT_DEVICE, FAULT_DONE, FAULT_EVENT, FAULT_WAIT } from './fault-code.js'
import { handleMmFault } from './handle-mm-fault.js'
import type { MemoryMap } from './memory-map.js'
import { hugetlbCopyInPasses } from './hugetlb-fault.js'
import { isHugetlb } from './hugetlb.js'
import { hugeWriteInPasses } from './huge.js'
import { pteFrame, pteIs, PTE_DEVICE_EXCLUSIVE } from './pte.js'
import type { Vma } from './vma.js'

/**
 * One page fault with all it may have to wait for. FAULT_DONE means: look again, the entry may
 * still need another fault. FAULT_USERFAULT is left to who can drop mmap_lock (`waitUserfault`).
 */
export function* resolveFault(
  mm: MemoryMap,
  vma: Vma,
  page: number,
  write: boolean,
): Operation<number> {
  const code = handleMmFault(mm, vma, page, write)
  if (code === FAULT_WAIT) {
    yield mm.machine.pageUnlocked.park()
    return FAULT_DONE
  }
  if (code === FAULT_DEVICE) {
    const frame = pteFrame(mm.tables.get(page))
    return yield* mm.machine.frames.pagemapOf(frame).migrateToRam(mm, page, frame)
  }
  if (code === FAULT_EVENT) {
    const exclusive = pteIs(mm.tables.get(page), PTE_DEVICE_EXCLUSIVE)
    if (mm.tables.isHuge(page)) {
      yield* hugeWriteInPasses(mm, vma, page)
      return FAULT_DONE
    }
    if (isHugetlb(vma)) return yield* hugetlbCopyInPasses(mm, vma, page)
    if (!exclusive) return yield* copyPageInPasses(mm, vma, page)
    yield* restoreExclusiveInPasses(mm, page)
    return FAULT_DONE
  }
  return code
}
