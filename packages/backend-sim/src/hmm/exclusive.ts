import { ENTRY_EXCLUSIVE, ENTRY_VALID, ENTRY_WRITE, HmmError } from '@hmm-sdk/hmm-api'
import { isExclusiveOf, setExclusive } from '../mm/device-exclusive.js'
import { FAULT_DONE, FAULT_OOM } from '../mm/fault-code.js'
import { FRAME_ANON, FRAME_HUGETLB } from '../mm/frame-table.js'
import { splitHugeInPasses } from '../mm/huge.js'
import type { MemoryMap } from '../mm/memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_WRITE, ptePresent } from '../mm/pte.js'
import { resolveFault } from '../mm/resolve-fault.js'
import { VM_WRITE } from '../mm/vma.js'
import { POINT_EXCLUSIVE } from '../sim/failure-point.js'
import type { Operation } from '../sim/operation.js'

/** The pages that a mirror holds exclusively: by a link, or by the grant that is under way. */
export interface HeldPages {
  has(page: number): boolean
  add(page: number): void
}

/**
 * `make_device_exclusive` for each page of `[start, end)`, with mmap_lock held: an EXCLUSIVE event
 * each. Pages that are held already stay as they are: giving them back to take them again would
 * fail the next attempt for ever. Undefined if a page was taken back meanwhile.
 */
export function* takeExclusive(
  mm: MemoryMap,
  start: number,
  end: number,
  owner: object,
  held: HeldPages,
): Operation<Uint32Array | undefined> {
  for (let page = start; page < end; page++) {
    if (held.has(page)) continue
    yield* takePage(mm, page, page - start, owner)
    if (isExclusiveOf(mm, page, owner)) held.add(page)
  }
  const entries = new Uint32Array(2 * (end - start))
  for (let page = start; page < end; page++) {
    if (!held.has(page)) return undefined
    const e = 2 * (page - start)
    entries[e] = mm.tables.get(page) & PTE_FRAME
    entries[e + 1] = ENTRY_VALID | ENTRY_WRITE | ENTRY_EXCLUSIVE
  }
  return entries
}

function* takePage(mm: MemoryMap, page: number, index: number, owner: object): Operation<void> {
  for (;;) {
    const vma = mm.vmas.find(page)
    if (vma === undefined || (vma.flags & VM_WRITE) === 0) {
      throw new HmmError('EFAULT', { page: index, message: 'the page is not writable memory' })
    }
    // A block in a device's memory comes back whole first.
    if (ptePresent(mm.tables.get(page))) yield* splitHugeInPasses(mm, page)
    const pte = mm.tables.get(page)
    if ((pte & PTE_PRESENT) !== 0 && (pte & PTE_WRITE) !== 0) {
      // The page decides, not the mapping: a private copy of a file's page will do.
      if (
        (mm.machine.frames.flags[pte & PTE_FRAME]! & (FRAME_ANON | FRAME_HUGETLB)) !==
        FRAME_ANON
      ) {
        throw new HmmError('EOPNOTSUPP', {
          page: index,
          message: 'only private anonymous memory can be exclusive to a device',
        })
      }
      yield* mm.invalidateStartInPasses('exclusive', page, page + 1, owner)
      const now = mm.tables.get(page)
      // As when somebody holds the page's lock: it stays the process's.
      const refused = mm.machine.failures.fails(POINT_EXCLUSIVE)
      if (now === pte && !refused) setExclusive(mm, page, pte, owner)
      mm.invalidateEnd()
      return
    }
    const code = yield* resolveFault(mm, vma, page, true)
    if (code === FAULT_OOM) throw new HmmError('ENOMEM', { page: index })
    if (code !== FAULT_DONE) throw new HmmError('EFAULT', { page: index })
  }
}
